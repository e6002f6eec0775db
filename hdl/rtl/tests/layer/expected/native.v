
`default_nettype none

module dut (
  input  wire        clock,
  input  wire  [7:0] a,
  input  wire  [7:0] b,
  input  wire  [7:0] lane_0,
  input  wire  [7:0] lane_1,
  output reg   [7:0] sum,
  output wire  [7:0] bundle,
  output wire  [3:0] low,
  output wire        equal_0,
  output wire        equal_1,
  output wire [11:0] wide
);

  localparam [7:0] LIMIT = 8'h64;

  reg [7:0] held;

  reg  [7:0] rights;
  wire [7:0] low_full;

  always @* begin
    sum = a + b;
    if (sum > LIMIT) sum = LIMIT;
  end

  always @* begin
    rights = held;
    rights[0] = a[0];
    rights[3:1] = b[4:2];
    if (rights[7:4] == 4'd3) begin
      rights[7:4] = a[3:0] ^ b[3:0];
    end else begin
      rights[7:4] = 4'd3;
    end
  end

  assign bundle = {4'd0, held[7:4]} | ({5'd0, rights[3:1]} << 5);
  assign low_full = a >> b[1:0];
  assign low = low_full[3:0];
  assign equal_0 = lane_0 == (a + b);
  assign equal_1 = lane_1 == (a + b);
  assign wide = {11'd0, held[0]} << 11;

  initial begin
    held = 8'd0;
  end

  always @(posedge clock) begin
    held <= rights;
  end

  // Read by nothing.
  wire unused = &{1'b0, low_full[7:4]};
endmodule

`default_nettype wire
