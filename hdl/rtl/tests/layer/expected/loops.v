
`default_nettype none

module dut (
  input  wire        clock,
  input  wire  [7:0] key,
  input  wire  [7:0] entry_0,
  input  wire  [7:0] entry_1,
  input  wire  [7:0] entry_2,
  input  wire  [7:0] only,
  input  wire  [2:0] enable,
  output reg   [2:0] matched,
  output reg   [3:0] first,
  output wire        found,
  output reg         several,
  output wire [11:0] sum,
  output wire  [7:0] pair_sum,
  output wire  [7:0] swapped,
  output reg   [5:0] steps,
  output wire  [7:0] absent
);

  wire       equal_0;
  wire       equal_1;
  wire       equal_2;
  wire       all;
  reg  [7:0] left;
  reg  [7:0] right;
  reg  [7:0] kept;

  always @* begin
    matched = 3'd0;
    first = 4'hf;
    several = 1'b0;
    if (equal_0) begin
      several = several || (|matched);
      if (!(|matched)) first = 4'd0;
      matched[0] = 1'b1;
    end
    if (equal_1) begin
      several = several || (|matched);
      if (!(|matched)) first = 4'd1;
      matched[1] = 1'b1;
    end
    if (equal_2) begin
      several = several || (|matched);
      if (!(|matched)) first = 4'd2;
      matched[2] = 1'b1;
    end
  end

  assign all = equal_0 && equal_1 && equal_2;
  assign sum = {4'd0, entry_0} + {4'd0, entry_1} + {4'd0, entry_2};
  assign equal_0 = (entry_0 == key) && enable[0];
  assign equal_1 = (entry_1 == key) && enable[1];
  assign equal_2 = (entry_2 == key) && enable[2];
  assign found = (|matched) && !all;
  assign pair_sum = (entry_0 + entry_1) ^ 8'd1;

  always @* begin
    left = key;
    right = only;
    if (enable[0]) begin
      kept = left;
      left = right;
      right = kept;
    end else begin
      kept = 8'd0;
    end
  end

  assign swapped = left - right;

  always @* begin
    steps = 6'd0;
    if (&enable) begin
      steps = 6'd1;
    end else if (key > only) begin
      steps = 6'd2;
    end else if (key == 8'd0) begin
      steps = 6'd3;
    end else begin
      steps = key[5:0] + 6'd4;
    end
  end

  assign absent = key;

  // Read by nothing.
  wire unused = &{1'b0, clock};
endmodule

`default_nettype wire
