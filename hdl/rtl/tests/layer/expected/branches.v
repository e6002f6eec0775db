
`default_nettype none

module dut (
  input  wire        clock,
  input  wire        reset,
  input  wire        go,
  input  wire [10:0] value,
  input  wire  [3:0] by,
  output wire  [4:0] decoded,
  output reg  [15:0] bits,
  output wire  [3:0] shifted,
  output wire        passed,
  output wire  [4:0] counted
);

  localparam [4:0] LAST = 5'd9;

  reg [4:0] count;

  wire        late;
  wire        early;
  wire  [4:0] count_next;
  wire        count_en;
  wire [10:0] shifted_full;
  wire [10:0] condition_full;

  assign shifted_full = go ? value >> by : 11'd0;
  assign condition_full = !go ? value >> by : 11'd0;
  assign count_en = reset || go;
  assign count_next = reset ? 5'd0 : go ? ((count == LAST) ? 5'd0 : count + 5'd1) : count + 5'd1;
  assign decoded = go ? (!(count == LAST) ? ((value == 11'd0) ? 5'd3 : count) : 5'd0) : 5'd0;
  assign counted = count;

  always @* begin
    bits = {5'd0, value};
    bits[2] = go;
    bits[5] = value[5];
  end

  assign shifted = go ? shifted_full[3:0] : condition_full[1] ? 4'd9 : 4'd0;
  assign early = !late;
  assign late = go ^ reset;
  assign passed = early & !reset;

  initial begin
    count = 5'd0;
  end

  always @(posedge clock) begin
    if (count_en) count <= count_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, shifted_full[10:4], condition_full[0], condition_full[10:2]};
endmodule

`default_nettype wire
