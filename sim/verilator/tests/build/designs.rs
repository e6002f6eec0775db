//! The designs that the tests build.

use pagewalk_verilator::build::Port;

/// Counts `step` up when `enable`, and shows `step + count` without delay. Both need two words.
pub const COUNTER: &str = "
module counter(input clock, input reset, input enable, input [99:0] step,
               output reg [99:0] count, output [100:0] sum, output odd);
  assign sum = {1'b0, step} + {1'b0, count};
  assign odd = count[0];
  always @(posedge clock) if (reset) count <= 100'd0; else if (enable) count <= count + step;
endmodule
";

/// The ports of [`COUNTER`].
pub fn counter_ports() -> Vec<Port> {
    vec![
        Port::input("clock", 1),
        Port::input("reset", 1),
        Port::input("enable", 1),
        Port::input("step", 100),
        Port::output("count", 100),
        Port::output("sum", 101),
        Port::output("odd", 1),
    ]
}

/// Passes words of every kind of width from input to output, under names that C++ cannot have.
pub const WIDTHS: &str = "
module widths(input [0:0] w1, input [7:0] operator, input [8:0] w9, input [31:0] w32, input [32:0] a__b,
              input [63:0] w64, input [64:0] w65, input [127:0] w128, input [199:0] w200,
              output [0:0] o1, output [7:0] template, output [8:0] o9, output [31:0] o32, output [32:0] o__33,
              output [63:0] o64, output [64:0] o65, output [127:0] o128, output [199:0] o200);
  assign o1 = ~w1; assign template = ~operator; assign o9 = ~w9; assign o32 = ~w32; assign o__33 = ~a__b;
  assign o64 = ~w64; assign o65 = ~w65; assign o128 = ~w128; assign o200 = ~w200;
endmodule
";

/// Names and widths of [`WIDTHS`]: input, output, bits.
pub const WIDTHS_PORTS: [(&str, &str, u32); 9] = [
    ("w1", "o1", 1),
    ("operator", "template", 8),
    ("w9", "o9", 9),
    ("w32", "o32", 32),
    ("a__b", "o__33", 33),
    ("w64", "o64", 64),
    ("w65", "o65", 65),
    ("w128", "o128", 128),
    ("w200", "o200", 200),
];

/// Oscillates without end when `run` is high.
pub const RING: &str = "
module ring(input run, output y);
  wire a; wire b;
  assign a = run & ~b;
  assign b = a;
  assign y = b;
endmodule
";

/// Ends the simulation on `stop`.
pub const STOPPER: &str = "
module stopper(input clock, input stop, output reg seen);
  always @(posedge clock) begin seen <= stop; if (stop) $stop; end
endmodule
";
