
`default_nettype none

module dut (
  input  wire        clock,
  input  wire        reset,
  input  wire        go,
  input  wire [10:0] value,
  input  wire  [3:0] by,
  output reg         is_done,
  output reg   [2:0] phase_bits,
  output reg   [4:0] decoded,
  output reg  [10:0] either,
  output reg  [15:0] bits,
  output wire [10:0] wide_bits,
  output wire  [3:0] shifted,
  output wire        passed
);

  localparam [4:0] LAST = 5'd3;
  localparam [2:0] PHASE_IDLE = 3'd0;
  localparam [2:0] PHASE_FIRST_READ = 3'd1;
  localparam [2:0] PHASE_SECOND_READ = 3'd2;
  localparam [2:0] PHASE_DONE = 3'd3;
  localparam [2:0] PHASE_FAILED = 3'd4;

  reg [2:0] phase;
  reg [4:0] count;

  wire        late;
  wire        early;
  reg   [2:0] phase_next;
  reg   [4:0] count_next;
  reg         count_en;
  wire [10:0] shifted_full;
  wire [10:0] condition_full;

  assign shifted_full = go ? value >> by : 11'd0;
  assign condition_full = !go ? value >> by : 11'd0;

  always @* begin
    phase_next = phase;
    case (phase)
      PHASE_IDLE: begin
        if (go) phase_next = PHASE_FIRST_READ;
      end
      PHASE_FIRST_READ: begin
        if (count == LAST) begin
          phase_next = PHASE_SECOND_READ;
        end else if (value == 11'd0) begin
          phase_next = PHASE_FAILED;
        end
      end
      PHASE_SECOND_READ: phase_next = PHASE_DONE;
      PHASE_DONE: begin
        if (!go) phase_next = PHASE_IDLE;
      end
      default: /* PHASE_FAILED */ phase_next = PHASE_IDLE;
    endcase
    if (reset) phase_next = PHASE_IDLE;
  end

  always @* begin
    count_en = 1'b0;
    count_next = count + 5'd1;
    is_done = 1'b0;
    phase_bits = 3'd0;
    case (phase)
      PHASE_IDLE: begin
        count_next = 5'd0;
        count_en = 1'b1;
      end
      PHASE_FIRST_READ: begin
        phase_bits = 3'd1;
        count_en = 1'b1;
      end
      PHASE_SECOND_READ: phase_bits = 3'd2;
      PHASE_DONE: begin
        phase_bits = 3'd3;
        is_done = 1'b1;
      end
      default: /* PHASE_FAILED */ phase_bits = 3'd4;
    endcase
  end

  always @* begin
    case (by)
      4'd0: decoded = 5'd1;
      4'd3: decoded = 5'd2;
      4'd7: begin
        decoded = 5'd4;
        if (phase == PHASE_DONE) decoded = 5'd8;
      end
      default: decoded = 5'h10;
    endcase
  end

  always @* begin
    case (go)
      1'b1: either = value;
      default: /* 1'b0 */ either = ~value;
    endcase
  end

  always @* begin
    bits = 16'd0;
    bits[by] = 1'b1;
    bits[2] = go;
  end

  assign wide_bits = go ? (value & ~(11'd1 << by)) | ({10'd0, reset} << by) : value;
  assign shifted = go ? shifted_full[3:0] : condition_full[1] ? 4'd9 : 4'd0;
  assign early = !late;
  assign late = go ^ reset;
  assign passed = early & !reset;

  initial begin
    phase = 3'd0;
    count = 5'd0;
  end

  always @(posedge clock) begin
    phase <= phase_next;
    if (count_en) count <= count_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, shifted_full[10:4], condition_full[0], condition_full[10:2]};
endmodule

`default_nettype wire
