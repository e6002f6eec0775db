
`default_nettype none

module dut (
  input  wire        clock,
  input  wire [15:0] a,
  input  wire [11:0] b,
  input  wire  [8:0] c,
  input  wire  [3:0] by,
  input  wire        flag,
  output wire [19:0] sum,
  output wire [19:0] difference,
  output wire [19:0] inverted,
  output wire [19:0] inverted_sum,
  output wire [19:0] cut,
  output wire [19:0] cut_inside,
  output wire [19:0] left,
  output wire [19:0] right,
  output wire [19:0] right_cut,
  output wire [19:0] constant_shifts,
  output wire [19:0] replaced_first,
  output wire [19:0] mixed,
  output wire [19:0] masked,
  output wire [19:0] one_hot,
  output wire [19:0] from_bit,
  output wire        masked_equal,
  output wire        sum_equal,
  output wire        less,
  output wire        at_most,
  output wire        not_zero_sum,
  output wire        all_set,
  output wire        picked_at,
  output wire        chosen,
  output wire        tautology
);

  localparam [11:0] PATTERN = 12'ha5a;
  localparam [6:0] SHIFT = 7'd8;

  wire [15:0] right_cut_full;
  wire [15:0] replaced_first_full;

  assign tautology = 1'b1;
  assign sum = {4'd0, a + {4'd0, b}};
  assign difference = {4'd0, a - {4'd0, b - {3'd0, c}}};
  assign inverted = {4'd0, ~a};
  assign inverted_sum = {4'd0, ~(a + 16'd1) ^ {7'd0, c}};
  assign cut = {11'd0, {2'd0, a[6:0] + b[6:0]} + c};
  assign cut_inside = {8'd0, {5'd0, ~(a[6:0] - b[6:0])} | b};
  assign left = {4'd0, (a + {4'd0, b}) << by};
  assign right = {4'd0, (a << 1) >> by};
  assign right_cut_full = (a ^ {4'd0, b}) >> by;
  assign right_cut = {13'd0, right_cut_full[6:0]};
  assign constant_shifts = {8'd0, {5'd0, a[14:8]} | ((b << SHIFT) >> 1) | {5'd0, c[5:0], 1'b0}};
  assign replaced_first_full = a + {4'd0, b};
  assign replaced_first = {4'd0, replaced_first_full[15:1], flag};
  assign mixed = {4'd0, ((a & {4'd0, b}) | {7'd0, c}) ^ {4'd0, PATTERN + b}};
  assign masked = {8'd0, (b & PATTERN) - 12'd1};
  assign one_hot = {13'd0, {6'd0, flag} << by};
  assign from_bit = {19'd0, flag};
  assign masked_equal = (b & PATTERN) == {3'd0, c};
  assign sum_equal = (a + {4'd0, b}) == {7'd0, c};
  assign less = (a - {4'd0, b}) < {7'd0, c + 9'd1};
  assign at_most = (a << 1) <= {4'd0, b | 12'd1};
  assign not_zero_sum = |(a + {4'd0, b});
  assign all_set = &(a | {4'd0, b});
  assign picked_at = a[5];
  assign chosen = (flag == (a > {4'd0, b})) || !(flag & (|b));

  // Read by nothing.
  wire unused = &{1'b0, clock, right_cut_full[15:7], replaced_first_full[0]};
endmodule

`default_nettype wire
