
`default_nettype none

module dut_asker (
  input  wire       clock,
  input  wire [7:0] go,
  output wire       query_valid,
  input  wire       query_ready,
  output wire [7:0] query_number,
  output wire       query_flag,
  input  wire [7:0] query_answer_sum,
  input  wire       query_answer_top,
  output wire [7:0] heard
);

  reg taken;

  assign query_valid = (|go) && !taken;
  assign query_number = go;
  assign query_flag = go[1];
  assign heard = query_answer_top ? 8'd0 : query_answer_sum;

  initial begin
    taken = 1'b0;
  end

  always @(posedge clock) begin
    taken <= query_ready;
  end
endmodule

module dut_answerer (
  input  wire       clock,
  input  wire       query_valid,
  output wire       query_ready,
  input  wire [7:0] query_number,
  output wire [7:0] query_answer_sum,
  output wire       query_answer_top
);

  wire [7:0] total;

  assign query_ready = query_valid;
  assign total = query_number + 8'd1;
  assign query_answer_sum = total;
  assign query_answer_top = total > 8'hc8;

  // Read by nothing.
  wire unused = &{1'b0, clock};
endmodule

module dut (
  input  wire       clock,
  input  wire [7:0] go,
  input  wire       outer_valid,
  output wire       outer_ready,
  input  wire [7:0] outer_number,
  output wire [7:0] outer_answer_sum,
  output wire       outer_answer_top,
  output wire [7:0] heard
);

  wire       asker_query_valid;
  wire [7:0] asker_query_number;
  wire       asker_query_flag;
  wire       answerer_0_query_ready;
  wire [7:0] answerer_0_query_answer_sum;
  wire       answerer_0_query_answer_top;

  dut_asker asker (
    .clock(clock),
    .go(go),
    .query_valid(asker_query_valid),
    .query_ready(answerer_0_query_ready),
    .query_number(asker_query_number),
    .query_flag(asker_query_flag),
    .query_answer_sum(answerer_0_query_answer_sum),
    .query_answer_top(answerer_0_query_answer_top),
    .heard(heard)
  );

  dut_answerer answerer_0 (
    .clock(clock),
    .query_valid(asker_query_valid),
    .query_ready(answerer_0_query_ready),
    .query_number(asker_query_number),
    .query_answer_sum(answerer_0_query_answer_sum),
    .query_answer_top(answerer_0_query_answer_top)
  );

  dut_answerer answerer_1 (
    .clock(clock),
    .query_valid(outer_valid),
    .query_ready(outer_ready),
    .query_number(outer_number),
    .query_answer_sum(outer_answer_sum),
    .query_answer_top(outer_answer_top)
  );

  // Read by nothing.
  wire unused = &{1'b0, asker_query_flag};
endmodule

`default_nettype wire
