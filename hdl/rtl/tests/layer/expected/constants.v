
`default_nettype none

module dut (
  input  wire       clock,
  input  wire [1:0] state,
  input  wire [1:0] index,
  output wire [3:0] victims,
  output wire [3:0] chosen,
  output wire       picked,
  output wire [3:0] live_victims,
  output wire [3:0] stored
);

  reg [3:0] held;

  wire [3:0] picked_full;

  assign victims = 4'd1;
  assign chosen = 4'd5;
  assign live_victims = 4'd1;
  assign picked_full = 4'd1 >> index;
  assign picked = picked_full[0];
  assign stored = held;

  initial begin
    held = 4'd0;
  end

  always @(posedge clock) begin
    held <= 4'd4;
  end

  // Read by nothing.
  wire unused = &{1'b0, state, picked_full[3:1]};
endmodule

`default_nettype wire
