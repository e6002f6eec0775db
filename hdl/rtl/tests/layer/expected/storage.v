
`default_nettype none

module dut_lane (
  input  wire       clock,
  input  wire [3:0] address,
  input  wire       write,
  input  wire [7:0] data,
  output wire [7:0] read,
  output wire [7:0] held,
  output wire       written,
  output wire [7:0] unobserved
);

  reg [7:0] last;
  reg       once;
  reg       twice;

  (* ram_style = "distributed" *) reg [7:0] rows [0:15];
  integer initial_row;

  wire [7:0] last_next;
  wire       twice_next;

  assign last_next = read + 8'd1;
  assign held = last;
  assign twice_next = !twice;
  assign written = twice;
  assign unobserved = ~data;

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    rows[initial_row] = 8'd0;
  assign read = rows[address];
  always @(posedge clock) begin
    if (write) rows[address] <= data;
  end

  initial begin
    last = 8'd0;
    once = 1'b0;
    twice = 1'b0;
  end

  always @(posedge clock) begin
    if (write) last <= last_next;
    once <= write;
    if (once) twice <= twice_next;
  end
endmodule

module dut_single (
  input  wire       clock,
  input  wire       address,
  input  wire       write,
  input  wire [7:0] data,
  output wire [7:0] read,
  output wire [7:0] held,
  output wire       written,
  output wire [7:0] unobserved
);

  reg [7:0] last;
  reg       once;
  reg       twice;

  reg [7:0] rows;

  wire [7:0] last_next;
  wire       twice_next;

  assign last_next = read + 8'd1;
  assign held = last;
  assign twice_next = !twice;
  assign written = twice;
  assign unobserved = ~data;

  initial rows = 8'd0;
  assign read = rows;
  always @(posedge clock) begin
    if (write) rows <= data;
  end

  initial begin
    last = 8'd0;
    once = 1'b0;
    twice = 1'b0;
  end

  always @(posedge clock) begin
    if (write) last <= last_next;
    once <= write;
    if (once) twice <= twice_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, address};
endmodule

module dut_mix (
  input  wire [7:0] a,
  input  wire [7:0] b,
  output wire [7:0] mixed,
  output wire [7:0] straight
);

  assign mixed = a ^ (b << 1);
  assign straight = b;
endmodule

module dut (
  input  wire       clock,
  input  wire [3:0] address,
  input  wire       write,
  input  wire [2:0] select,
  input  wire [7:0] data,
  output wire [7:0] read_0,
  output wire [7:0] read_1,
  output wire [7:0] read_2,
  output wire [7:0] mixed,
  output wire       written,
  output wire [7:0] held
);

  wire       any_written;
  wire [7:0] single_read;
  wire       lane_0_write;
  wire [7:0] lane_0_held;
  wire       lane_0_written;
  wire [7:0] lane_0_unobserved;
  wire       lane_1_write;
  wire       lane_1_written;
  wire [7:0] lane_1_unobserved;
  wire       lane_2_write;
  wire [7:0] lane_2_held;
  wire       lane_2_written;
  wire [7:0] lane_2_unobserved;
  wire       single_address;
  wire       single_write;
  wire [7:0] single_data;
  wire [7:0] single_held;
  wire       single_written;
  wire [7:0] single_unobserved;
  wire [7:0] mix_mixed;
  wire [7:0] mix_straight;
  wire [7:0] mix_again_straight;

  assign any_written = lane_0_written || lane_1_written || lane_2_written;
  assign lane_0_write = write && select[0];
  assign lane_1_write = write && select[1];
  assign lane_2_write = write && select[2];
  assign single_address = address[0];
  assign single_write = &select;
  assign single_data = read_2 + 8'd1;
  assign written = any_written;

  dut_lane lane_0 (
    .clock(clock),
    .address(address),
    .write(lane_0_write),
    .data(data),
    .read(read_0),
    .held(lane_0_held),
    .written(lane_0_written),
    .unobserved(lane_0_unobserved)
  );

  dut_lane lane_1 (
    .clock(clock),
    .address(address),
    .write(lane_1_write),
    .data(data),
    .read(read_1),
    .held(held),
    .written(lane_1_written),
    .unobserved(lane_1_unobserved)
  );

  dut_lane lane_2 (
    .clock(clock),
    .address(address),
    .write(lane_2_write),
    .data(data),
    .read(read_2),
    .held(lane_2_held),
    .written(lane_2_written),
    .unobserved(lane_2_unobserved)
  );

  dut_single single (
    .clock(clock),
    .address(single_address),
    .write(single_write),
    .data(single_data),
    .read(single_read),
    .held(single_held),
    .written(single_written),
    .unobserved(single_unobserved)
  );

  dut_mix mix (
    .a(mix_straight),
    .b(single_read),
    .mixed(mix_mixed),
    .straight(mix_straight)
  );

  dut_mix mix_again (
    .a(mix_mixed),
    .b(single_held),
    .mixed(mixed),
    .straight(mix_again_straight)
  );

  // Read by nothing.
  wire unused = &{1'b0, lane_0_held, lane_0_unobserved, lane_1_unobserved, lane_2_held,
    lane_2_unobserved, single_written, single_unobserved, mix_again_straight};
endmodule

`default_nettype wire
