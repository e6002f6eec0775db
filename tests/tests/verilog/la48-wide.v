// pagewalk_mmu: memory management unit, la48, 48 virtual and 52 physical address bits
//
// ASID bits 12, tag bits 4
// instruction TLB: 16 sets x 4 ways of 4 KiB pages, 16 superpage rows, tree-PLRU
// data TLB: 16 sets x 4 ways of 4 KiB pages, 16 superpage rows, tree-PLRU
//
// Ports are valid/ready handshakes, `valid` never waits for `ready`. A hit is answered in the cycle after the
// request; a walk of n reads at memory latency L in 4 + n (1 + L) cycles. root, asid, pdpte_* and mode_* may
// change only while `busy` is low. Memory answers a compare-and-swap with the value it holds afterwards.
//
// Written by pagewalk 0.1.0: pagewalk emit --format la48 --preset wide

`default_nettype none

module pagewalk_mmu_instruction_pipeline (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire        mode_smep,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        look_up_load,
  output wire [35:0] look_up_vpn,
  output wire        look_up_needs_read,
  output wire        look_up_needs_write,
  output wire        look_up_needs_execute,
  output wire        look_up_needs_dirty,
  output wire        look_up_needs_user_pages,
  output wire        look_up_needs_supervisor_pages,
  output wire        look_up_held,
  output wire [35:0] look_up_held_vpn,
  output wire        look_up_walker_answers,
  input  wire        look_up_hit,
  input  wire [39:0] look_up_page_frame,
  input  wire  [2:0] look_up_page_size,
  input  wire  [2:0] look_up_page_memory_type,
  output wire        miss_valid,
  output wire [35:0] miss_vpn,
  output wire        miss_noncanonical,
  output wire        miss_user,
  output wire        miss_store,
  output wire        miss_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault,
  input  wire  [4:0] miss_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  output wire        occupied
);

  reg        valid;
  reg [63:0] va;
  reg        user;
  reg  [3:0] tag;
  reg        upper_all_zero;
  reg        upper_all_one;

  wire        accept;
  wire        canonical;
  wire        checked;
  wire        answered;
  wire        takes;
  wire        ready;
  wire        user_pages;
  wire [39:0] walked_frame;
  wire [51:0] wide_frame;
  wire [51:0] wide_offset;
  wire [11:0] offset;
  wire [35:0] s1_vpn;
  wire [16:0] upper;
  wire        valid_next;
  wire        upper_all_zero_next;
  wire        upper_all_one_next;

  assign look_up_needs_read = 1'b0;
  assign look_up_needs_write = 1'b0;
  assign look_up_needs_execute = 1'b1;
  assign look_up_needs_dirty = 1'b0;
  assign miss_store = 1'b0;
  assign miss_fetch = 1'b1;
  assign canonical = upper_all_zero || upper_all_one;
  assign checked = valid && canonical;
  assign answered = (checked && look_up_hit) || miss_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign occupied = valid;
  assign user_pages = req_user || !mode_smep;
  assign look_up_load = accept;
  assign look_up_vpn = req_va[47:12];
  assign look_up_needs_user_pages = user_pages;
  assign look_up_needs_supervisor_pages = !req_user;
  assign resp_tag = tag;
  assign upper = req_va[63:47];
  assign upper_all_zero_next = !(|upper);
  assign upper_all_one_next = &upper;
  assign s1_vpn = va[47:12];
  assign look_up_held = checked;
  assign look_up_held_vpn = s1_vpn;
  assign look_up_walker_answers = miss_done;
  assign miss_valid = valid && !(canonical && look_up_hit);
  assign miss_vpn = s1_vpn;
  assign miss_noncanonical = !canonical;
  assign miss_user = user;
  assign miss_taken = takes;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = miss_done ? miss_refill_page_frame : 40'd0;
  assign resp_fault = miss_done ? miss_fault : 2'd0;
  assign resp_code = miss_done ? miss_code : 5'd0;
  assign resp_served = miss_done ? 2'd3 : 2'd0;
  assign resp_page = miss_done ? miss_refill_page_size : look_up_page_size;
  assign resp_memory_type = miss_done ? miss_refill_page_memory_type : look_up_page_memory_type;
  assign offset = miss_done ? ((|miss_fault) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, look_up_page_frame | walked_frame};
  assign wide_offset = {40'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  initial begin
    valid = 1'b0;
    va = 64'd0;
    user = 1'b0;
    tag = 4'd0;
    upper_all_zero = 1'b0;
    upper_all_one = 1'b0;
  end

  always @(posedge clock) begin
    valid <= valid_next;
    if (accept) begin
      va <= req_va;
      user <= req_user;
      tag <= req_tag;
      upper_all_zero <= upper_all_zero_next;
      upper_all_one <= upper_all_one_next;
    end
  end

  // Read by nothing.
  wire unused = &{1'b0, miss_for_fetch, miss_refill_valid, miss_refill_superpage,
    miss_refill_ignored, miss_refill_tag_rights, miss_refill_tag_global};
endmodule

module pagewalk_mmu_set_tlb_lane_judge (
  input  wire       needs_read,
  input  wire       needs_write,
  input  wire       needs_execute,
  input  wire       needs_dirty,
  input  wire       needs_user_pages,
  input  wire       needs_supervisor_pages,
  input  wire [4:0] rights,
  output wire       suffice
);

  assign suffice = ((needs_read && rights[0])
                    || (needs_write && rights[1])
                    || (needs_execute && rights[2]))
                   && ((rights[3] && needs_user_pages) || (!rights[3] && needs_supervisor_pages))
                   && (rights[4] || !needs_dirty);
endmodule

module pagewalk_mmu_set_tlb_lane (
  input  wire        clock,
  input  wire        load,
  input  wire [35:0] vpn,
  input  wire        needs_read,
  input  wire        needs_write,
  input  wire        needs_execute,
  input  wire        needs_dirty,
  input  wire        needs_user_pages,
  input  wire        needs_supervisor_pages,
  input  wire [11:0] asid,
  input  wire [35:0] held_vpn,
  output wire        matched,
  output wire        granted,
  input  wire        select,
  output wire [39:0] page_frame,
  output wire  [2:0] page_size,
  output wire  [2:0] page_memory_type,
  input  wire        write,
  input  wire        write_valid,
  input  wire  [4:0] write_tag_rights,
  input  wire        write_tag_global,
  input  wire [39:0] write_page_frame,
  input  wire  [2:0] write_page_size,
  input  wire  [2:0] write_page_memory_type,
  input  wire        drop,
  input  wire  [3:0] drop_row
);

  localparam [6:0] ASID_SHIFT = 7'd33;
  localparam [6:0] GLOBAL_SHIFT = 7'd45;
  localparam [6:0] RIGHTS_SHIFT = 7'd46;
  localparam [6:0] SIZE_SHIFT = 7'd40;
  localparam [6:0] TAG_SHIFT = 7'd4;
  localparam [6:0] TYPE_SHIFT = 7'd43;

  reg equal_0;
  reg equal_1;
  reg equal_2;
  reg equal_3;
  reg equal_4;
  reg asid_equal;
  reg rights_suffice;
  reg page_due;

  (* ram_style = "distributed" *) reg [50:0] tag_ram [0:15];
  (* ram_style = "distributed" *) reg [45:0] page_ram [0:15];
  integer initial_row;

  wire [50:0] row;
  wire [50:0] key;
  wire [11:0] row_asid;
  wire        row_global;
  wire  [4:0] rights;
  wire        all_equal;
  wire  [3:0] held_row;
  wire [45:0] read_row;
  wire [39:0] read_frame;
  wire [39:0] whole_frame;
  wire  [2:0] read_size;
  wire  [2:0] read_type;
  wire [50:0] new_row;
  wire [50:0] new_tag;
  wire [50:0] new_asid;
  wire [50:0] new_global;
  wire [50:0] new_rights;
  wire [45:0] new_frame;
  wire [45:0] new_size;
  wire [45:0] new_type;
  wire  [3:0] tag_ram_read_address;
  wire        tag_ram_write_enable;
  wire  [3:0] tag_ram_write_address;
  wire [50:0] tag_ram_write_data;
  wire [45:0] page_ram_write_data;
  wire        equal_0_next;
  wire        equal_1_next;
  wire        equal_2_next;
  wire        equal_3_next;
  wire        equal_4_next;
  wire        asid_equal_next;
  wire        page_due_next;
  wire        judge_suffice;

  assign tag_ram_read_address = vpn[3:0];
  assign key = {15'd0, vpn >> TAG_SHIFT};
  assign all_equal = equal_0 && equal_1 && equal_2 && equal_3 && equal_4 && asid_equal;
  assign equal_0_next = ((row ^ ((key << 1) | 51'd1)) & 51'hff) == 51'd0;
  assign equal_1_next = ((row ^ ((key << 1) | 51'd1)) & 51'hff00) == 51'd0;
  assign equal_2_next = ((row ^ ((key << 1) | 51'd1)) & 51'hff0000) == 51'd0;
  assign equal_3_next = ((row ^ ((key << 1) | 51'd1)) & 51'hff000000) == 51'd0;
  assign equal_4_next = ((row ^ ((key << 1) | 51'd1)) & 51'h100000000) == 51'd0;
  assign row_asid = row[44:33];
  assign row_global = row[45];
  assign asid_equal_next = (row_asid == asid) || row_global;
  assign rights = row[50:46];
  assign matched = all_equal;
  assign granted = rights_suffice;
  assign held_row = held_vpn[3:0];
  assign read_frame = read_row[39:0];
  assign whole_frame = read_frame;
  assign read_size = read_row[42:40];
  assign read_type = read_row[45:43];
  assign page_frame = select ? whole_frame : 40'd0;
  assign page_size = select ? read_size : 3'd0;
  assign page_memory_type = select ? read_type : 3'd0;
  assign tag_ram_write_enable = write || drop;
  assign tag_ram_write_address = drop ? drop_row : held_row;
  assign new_tag = {15'd0, held_vpn >> TAG_SHIFT};
  assign new_asid = {39'd0, asid};
  assign new_global = write_tag_global ? 51'd1 : 51'd0;
  assign new_rights = {46'd0, write_tag_rights};
  assign new_row = (new_tag << 1)
                   | (new_asid << ASID_SHIFT)
                   | (new_global << GLOBAL_SHIFT)
                   | (new_rights << RIGHTS_SHIFT);
  assign tag_ram_write_data = (write_valid && !drop) ? new_row | 51'd1 : new_row;
  assign page_due_next = write && write_valid;
  assign new_frame = {6'd0, write_page_frame};
  assign new_size = {43'd0, write_page_size};
  assign new_type = {43'd0, write_page_memory_type};
  assign page_ram_write_data = new_frame | (new_size << SIZE_SHIFT) | (new_type << TYPE_SHIFT);

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    tag_ram[initial_row] = 51'd0;
  assign row = tag_ram[tag_ram_read_address];
  always @(posedge clock) begin
    if (tag_ram_write_enable) tag_ram[tag_ram_write_address] <= tag_ram_write_data;
  end

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    page_ram[initial_row] = 46'd0;
  assign read_row = page_ram[held_row];
  always @(posedge clock) begin
    if (page_due) page_ram[held_row] <= page_ram_write_data;
  end

  pagewalk_mmu_set_tlb_lane_judge judge (
    .needs_read(needs_read),
    .needs_write(needs_write),
    .needs_execute(needs_execute),
    .needs_dirty(needs_dirty),
    .needs_user_pages(needs_user_pages),
    .needs_supervisor_pages(needs_supervisor_pages),
    .rights(rights),
    .suffice(judge_suffice)
  );

  initial begin
    equal_0 = 1'b0;
    equal_1 = 1'b0;
    equal_2 = 1'b0;
    equal_3 = 1'b0;
    equal_4 = 1'b0;
    asid_equal = 1'b0;
    rights_suffice = 1'b0;
    page_due = 1'b0;
  end

  always @(posedge clock) begin
    if (load) begin
      equal_0 <= equal_0_next;
      equal_1 <= equal_1_next;
      equal_2 <= equal_2_next;
      equal_3 <= equal_3_next;
      equal_4 <= equal_4_next;
      asid_equal <= asid_equal_next;
      rights_suffice <= judge_suffice;
    end
    page_due <= page_due_next;
  end
endmodule

module pagewalk_mmu_set_tlb_lane_2 (
  input  wire        clock,
  input  wire        load,
  input  wire [35:0] vpn,
  input  wire        needs_read,
  input  wire        needs_write,
  input  wire        needs_execute,
  input  wire        needs_dirty,
  input  wire        needs_user_pages,
  input  wire        needs_supervisor_pages,
  input  wire [11:0] asid,
  input  wire [35:0] held_vpn,
  output wire        matched,
  output wire        granted,
  input  wire        select,
  output wire [39:0] page_frame,
  output wire  [2:0] page_size,
  output wire  [2:0] page_memory_type,
  input  wire        write,
  input  wire        write_valid,
  input  wire  [4:0] write_tag_rights,
  input  wire        write_tag_global,
  input  wire [39:0] write_page_frame,
  input  wire  [2:0] write_page_size,
  input  wire  [2:0] write_page_memory_type,
  input  wire        drop,
  input  wire  [3:0] drop_row
);

  localparam [6:0] ASID_SHIFT = 7'd24;
  localparam [6:0] FRAME_SHIFT = 7'd9;
  localparam [6:0] GLOBAL_SHIFT = 7'd36;
  localparam [39:0] LOW_FRAME = 40'h1ff;
  localparam [6:0] RIGHTS_SHIFT = 7'd37;
  localparam [6:0] SIZE_SHIFT = 7'd31;
  localparam [6:0] TAG_SHIFT = 7'd13;
  localparam [6:0] TYPE_SHIFT = 7'd34;

  reg equal_0;
  reg equal_1;
  reg equal_2;
  reg asid_equal;
  reg rights_suffice;
  reg page_due;

  (* ram_style = "distributed" *) reg [41:0] tag_ram [0:15];
  (* ram_style = "distributed" *) reg [36:0] page_ram [0:15];
  integer initial_row;

  wire [41:0] row;
  wire [41:0] key;
  wire [11:0] row_asid;
  wire        row_global;
  wire  [4:0] rights;
  wire        all_equal;
  wire  [3:0] held_row;
  wire [36:0] read_row;
  wire [30:0] read_frame;
  wire [39:0] whole_frame;
  wire  [2:0] read_size;
  wire  [2:0] read_type;
  wire [41:0] new_row;
  wire [41:0] new_tag;
  wire [41:0] new_asid;
  wire [41:0] new_global;
  wire [41:0] new_rights;
  wire [36:0] new_frame;
  wire [36:0] new_size;
  wire [36:0] new_type;
  wire  [3:0] tag_ram_read_address;
  wire        tag_ram_write_enable;
  wire  [3:0] tag_ram_write_address;
  wire [41:0] tag_ram_write_data;
  wire [36:0] page_ram_write_data;
  wire        equal_0_next;
  wire        equal_1_next;
  wire        equal_2_next;
  wire        asid_equal_next;
  wire        page_due_next;
  wire        judge_suffice;

  assign tag_ram_read_address = vpn[12:9];
  assign key = {6'd0, vpn >> TAG_SHIFT};
  assign all_equal = equal_0 && equal_1 && equal_2 && asid_equal;
  assign equal_0_next = ((row ^ ((key << 1) | 42'd1)) & 42'hff) == 42'd0;
  assign equal_1_next = ((row ^ ((key << 1) | 42'd1)) & 42'hff00) == 42'd0;
  assign equal_2_next = ((row ^ ((key << 1) | 42'd1)) & 42'hff0000) == 42'd0;
  assign row_asid = row[35:24];
  assign row_global = row[36];
  assign asid_equal_next = (row_asid == asid) || row_global;
  assign rights = row[41:37];
  assign matched = all_equal;
  assign granted = rights_suffice;
  assign held_row = held_vpn[12:9];
  assign read_frame = read_row[30:0];
  assign whole_frame = {9'd0, read_frame};
  assign read_size = read_row[33:31];
  assign read_type = read_row[36:34];
  assign page_frame = select
                      ? (whole_frame << FRAME_SHIFT) | ({4'd0, held_vpn} & LOW_FRAME)
                      : 40'd0;
  assign page_size = select ? read_size : 3'd0;
  assign page_memory_type = select ? read_type : 3'd0;
  assign tag_ram_write_enable = write || drop;
  assign tag_ram_write_address = drop ? drop_row : held_row;
  assign new_tag = {6'd0, held_vpn >> TAG_SHIFT};
  assign new_asid = {30'd0, asid};
  assign new_global = write_tag_global ? 42'd1 : 42'd0;
  assign new_rights = {37'd0, write_tag_rights};
  assign new_row = (new_tag << 1)
                   | (new_asid << ASID_SHIFT)
                   | (new_global << GLOBAL_SHIFT)
                   | (new_rights << RIGHTS_SHIFT);
  assign tag_ram_write_data = (write_valid && !drop) ? new_row | 42'd1 : new_row;
  assign page_due_next = write && write_valid;
  assign new_frame = {6'd0, write_page_frame[39:9]};
  assign new_size = {34'd0, write_page_size};
  assign new_type = {34'd0, write_page_memory_type};
  assign page_ram_write_data = new_frame | (new_size << SIZE_SHIFT) | (new_type << TYPE_SHIFT);

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    tag_ram[initial_row] = 42'd0;
  assign row = tag_ram[tag_ram_read_address];
  always @(posedge clock) begin
    if (tag_ram_write_enable) tag_ram[tag_ram_write_address] <= tag_ram_write_data;
  end

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    page_ram[initial_row] = 37'd0;
  assign read_row = page_ram[held_row];
  always @(posedge clock) begin
    if (page_due) page_ram[held_row] <= page_ram_write_data;
  end

  pagewalk_mmu_set_tlb_lane_judge judge (
    .needs_read(needs_read),
    .needs_write(needs_write),
    .needs_execute(needs_execute),
    .needs_dirty(needs_dirty),
    .needs_user_pages(needs_user_pages),
    .needs_supervisor_pages(needs_supervisor_pages),
    .rights(rights),
    .suffice(judge_suffice)
  );

  initial begin
    equal_0 = 1'b0;
    equal_1 = 1'b0;
    equal_2 = 1'b0;
    asid_equal = 1'b0;
    rights_suffice = 1'b0;
    page_due = 1'b0;
  end

  always @(posedge clock) begin
    if (load) begin
      equal_0 <= equal_0_next;
      equal_1 <= equal_1_next;
      equal_2 <= equal_2_next;
      asid_equal <= asid_equal_next;
      rights_suffice <= judge_suffice;
    end
    page_due <= page_due_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, write_page_frame[8:0]};
endmodule

module pagewalk_mmu_set_tlb_victim (
  input  wire [2:0] state,
  input  wire [3:0] matching,
  input  wire       hit,
  input  wire       refill,
  output wire [3:0] refilled,
  output wire       touches,
  output wire [2:0] next_state
);

  wire       in_place;
  reg  [3:0] victims;
  reg  [3:0] chosen;
  wire [3:0] touched;
  reg  [2:0] new_state;

  assign in_place = |matching;

  always @* begin
    victims = 4'd0;
    if ((state & 3'd3) == 3'd0) victims[0] = 1'b1;
    if (((state ^ 3'd2) & 3'd3) == 3'd0) victims[1] = 1'b1;
    if (((state ^ 3'd1) & 3'd5) == 3'd0) victims[2] = 1'b1;
    if (((state ^ 3'd5) & 3'd5) == 3'd0) victims[3] = 1'b1;
  end

  always @* begin
    chosen = 4'd0;
    if (matching[0] && !(|chosen)) chosen[0] = 1'b1;
    if (matching[1] && !(|chosen)) chosen[1] = 1'b1;
    if (matching[2] && !(|chosen)) chosen[2] = 1'b1;
    if (matching[3] && !(|chosen)) chosen[3] = 1'b1;
    if (!in_place) chosen = victims;
  end

  assign refilled = chosen;
  assign touched = refill ? chosen : hit ? matching : 4'd0;

  always @* begin
    new_state = state;
    if (touched[0]) new_state = (state & 3'd4) | 3'd3;
    if (touched[1]) new_state = (state & 3'd4) | 3'd1;
    if (touched[2]) new_state = (state & 3'd2) | 3'd4;
    if (touched[3]) new_state = state & 3'd2;
  end

  assign touches = |touched;
  assign next_state = new_state;
endmodule

module pagewalk_mmu_set_tlb (
  input  wire        clock,
  input  wire [11:0] asid,
  input  wire        look_up_load,
  input  wire [35:0] look_up_vpn,
  input  wire        look_up_needs_read,
  input  wire        look_up_needs_write,
  input  wire        look_up_needs_execute,
  input  wire        look_up_needs_dirty,
  input  wire        look_up_needs_user_pages,
  input  wire        look_up_needs_supervisor_pages,
  input  wire        look_up_held,
  input  wire [35:0] look_up_held_vpn,
  input  wire        look_up_walker_answers,
  output wire        look_up_hit,
  output wire [39:0] look_up_page_frame,
  output wire  [2:0] look_up_page_size,
  output wire  [2:0] look_up_page_memory_type,
  input  wire        refill_valid,
  input  wire        refill_superpage,
  input  wire  [1:0] refill_ignored,
  input  wire  [4:0] refill_tag_rights,
  input  wire        refill_tag_global,
  input  wire [39:0] refill_page_frame,
  input  wire  [2:0] refill_page_size,
  input  wire  [2:0] refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire  [3:0] drop_row,
  input  wire [35:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire [11:0] drop_asid,
  input  wire        drop_keep_global
);

  (* ram_style = "distributed" *) reg [2:0] state_ram [0:15];
  integer initial_row;

  reg   [4:0] matching;
  reg         several;
  wire        grants;
  wire [39:0] frame_sum;
  wire  [2:0] size_sum;
  wire  [2:0] type_sum;
  wire        hits;
  wire        small_page_refill;
  wire  [4:0] refilled;
  wire  [3:0] dropped_row;
  wire        lane_0_matched;
  wire        lane_0_granted;
  wire        lane_0_select;
  wire [39:0] lane_0_page_frame;
  wire  [2:0] lane_0_page_size;
  wire  [2:0] lane_0_page_memory_type;
  wire        lane_0_write;
  wire        lane_0_write_valid;
  wire        lane_1_matched;
  wire        lane_1_granted;
  wire        lane_1_select;
  wire [39:0] lane_1_page_frame;
  wire  [2:0] lane_1_page_size;
  wire  [2:0] lane_1_page_memory_type;
  wire        lane_1_write;
  wire        lane_1_write_valid;
  wire        lane_2_matched;
  wire        lane_2_granted;
  wire        lane_2_select;
  wire [39:0] lane_2_page_frame;
  wire  [2:0] lane_2_page_size;
  wire  [2:0] lane_2_page_memory_type;
  wire        lane_2_write;
  wire        lane_2_write_valid;
  wire        lane_3_matched;
  wire        lane_3_granted;
  wire        lane_3_select;
  wire [39:0] lane_3_page_frame;
  wire  [2:0] lane_3_page_size;
  wire  [2:0] lane_3_page_memory_type;
  wire        lane_3_write;
  wire        lane_3_write_valid;
  wire        lane_4_matched;
  wire        lane_4_granted;
  wire        lane_4_select;
  wire [39:0] lane_4_page_frame;
  wire  [2:0] lane_4_page_size;
  wire  [2:0] lane_4_page_memory_type;
  wire        lane_4_write;
  wire        lane_4_write_valid;
  wire  [3:0] lane_4_drop_row;
  wire  [3:0] state_ram_read_address;
  wire  [2:0] state_ram_read_data;
  wire        state_ram_write_enable;
  wire  [3:0] state_ram_write_address;
  wire  [2:0] state_ram_write_data;
  wire  [3:0] victim_matching;
  wire        victim_hit;
  wire        victim_refill;
  wire  [3:0] victim_refilled;
  wire        victim_touches;
  wire  [2:0] victim_next_state;

  always @* begin
    matching = 5'd0;
    several = 1'b0;
    if (lane_0_matched) begin
      several = several || (|matching);
      matching[0] = 1'b1;
    end
    if (lane_1_matched) begin
      several = several || (|matching);
      matching[1] = 1'b1;
    end
    if (lane_2_matched) begin
      several = several || (|matching);
      matching[2] = 1'b1;
    end
    if (lane_3_matched) begin
      several = several || (|matching);
      matching[3] = 1'b1;
    end
    if (lane_4_matched) begin
      several = several || (|matching);
      matching[4] = 1'b1;
    end
  end

  assign grants = (lane_0_matched && lane_0_granted)
                  || (lane_1_matched && lane_1_granted)
                  || (lane_2_matched && lane_2_granted)
                  || (lane_3_matched && lane_3_granted)
                  || (lane_4_matched && lane_4_granted);
  assign frame_sum = lane_0_page_frame
                     | lane_1_page_frame
                     | lane_2_page_frame
                     | lane_3_page_frame
                     | lane_4_page_frame;
  assign size_sum = lane_0_page_size
                    | lane_1_page_size
                    | lane_2_page_size
                    | lane_3_page_size
                    | lane_4_page_size;
  assign type_sum = lane_0_page_memory_type
                    | lane_1_page_memory_type
                    | lane_2_page_memory_type
                    | lane_3_page_memory_type
                    | lane_4_page_memory_type;
  assign lane_0_select = lane_0_matched && !look_up_walker_answers;
  assign lane_1_select = lane_1_matched && !look_up_walker_answers;
  assign lane_2_select = lane_2_matched && !look_up_walker_answers;
  assign lane_3_select = lane_3_matched && !look_up_walker_answers;
  assign lane_4_select = lane_4_matched && !look_up_walker_answers;
  assign hits = grants && !several;
  assign look_up_hit = hits;
  assign look_up_page_frame = frame_sum;
  assign look_up_page_size = size_sum;
  assign look_up_page_memory_type = type_sum;
  assign small_page_refill = !refill_superpage;
  assign refilled = refill_superpage ? 5'h10 : {1'b0, victim_refilled};
  assign lane_0_write = refill_valid && (refilled[0] || matching[0]);
  assign lane_0_write_valid = refilled[0];
  assign lane_1_write = refill_valid && (refilled[1] || matching[1]);
  assign lane_1_write_valid = refilled[1];
  assign lane_2_write = refill_valid && (refilled[2] || matching[2]);
  assign lane_2_write_valid = refilled[2];
  assign lane_3_write = refill_valid && (refilled[3] || matching[3]);
  assign lane_3_write_valid = refilled[3];
  assign lane_4_write = refill_valid && (refilled[4] || matching[4]);
  assign lane_4_write_valid = refilled[4];
  assign dropped_row = drop_by_address ? drop_vpn[3:0] : drop_row;
  assign lane_4_drop_row = drop_by_address ? drop_vpn[12:9] : drop_row;
  assign state_ram_read_address = look_up_held_vpn[3:0];
  assign victim_matching = matching[3:0];
  assign victim_hit = look_up_held && hits;
  assign victim_refill = refill_valid && small_page_refill;
  assign state_ram_write_enable = victim_touches || drop_valid;
  assign state_ram_write_data = drop_valid ? 3'd0 : victim_next_state;
  assign state_ram_write_address = drop_valid ? dropped_row : look_up_held_vpn[3:0];

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    state_ram[initial_row] = 3'd0;
  assign state_ram_read_data = state_ram[state_ram_read_address];
  always @(posedge clock) begin
    if (state_ram_write_enable) state_ram[state_ram_write_address] <= state_ram_write_data;
  end

  pagewalk_mmu_set_tlb_lane lane_0 (
    .clock(clock),
    .load(look_up_load),
    .vpn(look_up_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .asid(asid),
    .held_vpn(look_up_held_vpn),
    .matched(lane_0_matched),
    .granted(lane_0_granted),
    .select(lane_0_select),
    .page_frame(lane_0_page_frame),
    .page_size(lane_0_page_size),
    .page_memory_type(lane_0_page_memory_type),
    .write(lane_0_write),
    .write_valid(lane_0_write_valid),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_page_frame(refill_page_frame),
    .write_page_size(refill_page_size),
    .write_page_memory_type(refill_page_memory_type),
    .drop(drop_valid),
    .drop_row(dropped_row)
  );

  pagewalk_mmu_set_tlb_lane lane_1 (
    .clock(clock),
    .load(look_up_load),
    .vpn(look_up_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .asid(asid),
    .held_vpn(look_up_held_vpn),
    .matched(lane_1_matched),
    .granted(lane_1_granted),
    .select(lane_1_select),
    .page_frame(lane_1_page_frame),
    .page_size(lane_1_page_size),
    .page_memory_type(lane_1_page_memory_type),
    .write(lane_1_write),
    .write_valid(lane_1_write_valid),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_page_frame(refill_page_frame),
    .write_page_size(refill_page_size),
    .write_page_memory_type(refill_page_memory_type),
    .drop(drop_valid),
    .drop_row(dropped_row)
  );

  pagewalk_mmu_set_tlb_lane lane_2 (
    .clock(clock),
    .load(look_up_load),
    .vpn(look_up_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .asid(asid),
    .held_vpn(look_up_held_vpn),
    .matched(lane_2_matched),
    .granted(lane_2_granted),
    .select(lane_2_select),
    .page_frame(lane_2_page_frame),
    .page_size(lane_2_page_size),
    .page_memory_type(lane_2_page_memory_type),
    .write(lane_2_write),
    .write_valid(lane_2_write_valid),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_page_frame(refill_page_frame),
    .write_page_size(refill_page_size),
    .write_page_memory_type(refill_page_memory_type),
    .drop(drop_valid),
    .drop_row(dropped_row)
  );

  pagewalk_mmu_set_tlb_lane lane_3 (
    .clock(clock),
    .load(look_up_load),
    .vpn(look_up_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .asid(asid),
    .held_vpn(look_up_held_vpn),
    .matched(lane_3_matched),
    .granted(lane_3_granted),
    .select(lane_3_select),
    .page_frame(lane_3_page_frame),
    .page_size(lane_3_page_size),
    .page_memory_type(lane_3_page_memory_type),
    .write(lane_3_write),
    .write_valid(lane_3_write_valid),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_page_frame(refill_page_frame),
    .write_page_size(refill_page_size),
    .write_page_memory_type(refill_page_memory_type),
    .drop(drop_valid),
    .drop_row(dropped_row)
  );

  pagewalk_mmu_set_tlb_lane_2 lane_4 (
    .clock(clock),
    .load(look_up_load),
    .vpn(look_up_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .asid(asid),
    .held_vpn(look_up_held_vpn),
    .matched(lane_4_matched),
    .granted(lane_4_granted),
    .select(lane_4_select),
    .page_frame(lane_4_page_frame),
    .page_size(lane_4_page_size),
    .page_memory_type(lane_4_page_memory_type),
    .write(lane_4_write),
    .write_valid(lane_4_write_valid),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_page_frame(refill_page_frame),
    .write_page_size(refill_page_size),
    .write_page_memory_type(refill_page_memory_type),
    .drop(drop_valid),
    .drop_row(lane_4_drop_row)
  );

  pagewalk_mmu_set_tlb_victim victim (
    .state(state_ram_read_data),
    .matching(victim_matching),
    .hit(victim_hit),
    .refill(victim_refill),
    .refilled(victim_refilled),
    .touches(victim_touches),
    .next_state(victim_next_state)
  );

  // Read by nothing.
  wire unused = &{1'b0, refill_ignored, drop_vpn[8:4], drop_vpn[35:13], drop_has_asid, drop_asid,
    drop_keep_global};
endmodule

module pagewalk_mmu_instruction (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire [11:0] asid,
  input  wire        mode_smep,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        miss_valid,
  output wire [35:0] miss_vpn,
  output wire        miss_noncanonical,
  output wire        miss_user,
  output wire        miss_store,
  output wire        miss_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault,
  input  wire  [4:0] miss_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire  [3:0] drop_row,
  input  wire [35:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire [11:0] drop_asid,
  input  wire        drop_keep_global,
  output wire        occupied
);

  wire        pipeline_look_up_load;
  wire [35:0] pipeline_look_up_vpn;
  wire        pipeline_look_up_needs_read;
  wire        pipeline_look_up_needs_write;
  wire        pipeline_look_up_needs_execute;
  wire        pipeline_look_up_needs_dirty;
  wire        pipeline_look_up_needs_user_pages;
  wire        pipeline_look_up_needs_supervisor_pages;
  wire        pipeline_look_up_held;
  wire [35:0] pipeline_look_up_held_vpn;
  wire        pipeline_look_up_walker_answers;
  wire        set_tlb_look_up_hit;
  wire [39:0] set_tlb_look_up_page_frame;
  wire  [2:0] set_tlb_look_up_page_size;
  wire  [2:0] set_tlb_look_up_page_memory_type;

  pagewalk_mmu_instruction_pipeline pipeline (
    .clock(clock),
    .reset(reset),
    .blocked(blocked),
    .mode_smep(mode_smep),
    .req_valid(req_valid),
    .req_ready(req_ready),
    .req_va(req_va),
    .req_user(req_user),
    .req_tag(req_tag),
    .resp_valid(resp_valid),
    .resp_ready(resp_ready),
    .resp_va(resp_va),
    .resp_pa(resp_pa),
    .resp_fault(resp_fault),
    .resp_code(resp_code),
    .resp_page(resp_page),
    .resp_memory_type(resp_memory_type),
    .resp_served(resp_served),
    .resp_tag(resp_tag),
    .look_up_load(pipeline_look_up_load),
    .look_up_vpn(pipeline_look_up_vpn),
    .look_up_needs_read(pipeline_look_up_needs_read),
    .look_up_needs_write(pipeline_look_up_needs_write),
    .look_up_needs_execute(pipeline_look_up_needs_execute),
    .look_up_needs_dirty(pipeline_look_up_needs_dirty),
    .look_up_needs_user_pages(pipeline_look_up_needs_user_pages),
    .look_up_needs_supervisor_pages(pipeline_look_up_needs_supervisor_pages),
    .look_up_held(pipeline_look_up_held),
    .look_up_held_vpn(pipeline_look_up_held_vpn),
    .look_up_walker_answers(pipeline_look_up_walker_answers),
    .look_up_hit(set_tlb_look_up_hit),
    .look_up_page_frame(set_tlb_look_up_page_frame),
    .look_up_page_size(set_tlb_look_up_page_size),
    .look_up_page_memory_type(set_tlb_look_up_page_memory_type),
    .miss_valid(miss_valid),
    .miss_vpn(miss_vpn),
    .miss_noncanonical(miss_noncanonical),
    .miss_user(miss_user),
    .miss_store(miss_store),
    .miss_fetch(miss_fetch),
    .miss_done(miss_done),
    .miss_for_fetch(miss_for_fetch),
    .miss_taken(miss_taken),
    .miss_fault(miss_fault),
    .miss_code(miss_code),
    .miss_refill_valid(miss_refill_valid),
    .miss_refill_superpage(miss_refill_superpage),
    .miss_refill_ignored(miss_refill_ignored),
    .miss_refill_tag_rights(miss_refill_tag_rights),
    .miss_refill_tag_global(miss_refill_tag_global),
    .miss_refill_page_frame(miss_refill_page_frame),
    .miss_refill_page_size(miss_refill_page_size),
    .miss_refill_page_memory_type(miss_refill_page_memory_type),
    .occupied(occupied)
  );

  pagewalk_mmu_set_tlb set_tlb (
    .clock(clock),
    .asid(asid),
    .look_up_load(pipeline_look_up_load),
    .look_up_vpn(pipeline_look_up_vpn),
    .look_up_needs_read(pipeline_look_up_needs_read),
    .look_up_needs_write(pipeline_look_up_needs_write),
    .look_up_needs_execute(pipeline_look_up_needs_execute),
    .look_up_needs_dirty(pipeline_look_up_needs_dirty),
    .look_up_needs_user_pages(pipeline_look_up_needs_user_pages),
    .look_up_needs_supervisor_pages(pipeline_look_up_needs_supervisor_pages),
    .look_up_held(pipeline_look_up_held),
    .look_up_held_vpn(pipeline_look_up_held_vpn),
    .look_up_walker_answers(pipeline_look_up_walker_answers),
    .look_up_hit(set_tlb_look_up_hit),
    .look_up_page_frame(set_tlb_look_up_page_frame),
    .look_up_page_size(set_tlb_look_up_page_size),
    .look_up_page_memory_type(set_tlb_look_up_page_memory_type),
    .refill_valid(miss_refill_valid),
    .refill_superpage(miss_refill_superpage),
    .refill_ignored(miss_refill_ignored),
    .refill_tag_rights(miss_refill_tag_rights),
    .refill_tag_global(miss_refill_tag_global),
    .refill_page_frame(miss_refill_page_frame),
    .refill_page_size(miss_refill_page_size),
    .refill_page_memory_type(miss_refill_page_memory_type),
    .drop_valid(drop_valid),
    .drop_by_address(drop_by_address),
    .drop_row(drop_row),
    .drop_vpn(drop_vpn),
    .drop_has_asid(drop_has_asid),
    .drop_asid(drop_asid),
    .drop_keep_global(drop_keep_global)
  );
endmodule

module pagewalk_mmu_data_pipeline (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire        mode_wp,
  input  wire        mode_smap,
  input  wire        mode_ac,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire        req_store,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        look_up_load,
  output wire [35:0] look_up_vpn,
  output wire        look_up_needs_read,
  output wire        look_up_needs_write,
  output wire        look_up_needs_execute,
  output wire        look_up_needs_dirty,
  output wire        look_up_needs_user_pages,
  output wire        look_up_needs_supervisor_pages,
  output wire        look_up_held,
  output wire [35:0] look_up_held_vpn,
  output wire        look_up_walker_answers,
  input  wire        look_up_hit,
  input  wire [39:0] look_up_page_frame,
  input  wire  [2:0] look_up_page_size,
  input  wire  [2:0] look_up_page_memory_type,
  output wire        miss_valid,
  output wire [35:0] miss_vpn,
  output wire        miss_noncanonical,
  output wire        miss_user,
  output wire        miss_store,
  output wire        miss_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault,
  input  wire  [4:0] miss_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  output wire        occupied
);

  reg        valid;
  reg [63:0] va;
  reg        user;
  reg        store;
  reg  [3:0] tag;
  reg        upper_all_zero;
  reg        upper_all_one;

  wire        is_store;
  wire        is_load;
  wire        accept;
  wire        canonical;
  wire        checked;
  wire        answered;
  wire        takes;
  wire        ready;
  wire        read_grants;
  wire        user_pages;
  wire [39:0] walked_frame;
  wire [51:0] wide_frame;
  wire [51:0] wide_offset;
  wire [11:0] offset;
  wire [35:0] s1_vpn;
  wire [16:0] upper;
  wire        valid_next;
  wire        upper_all_zero_next;
  wire        upper_all_one_next;

  assign look_up_needs_execute = 1'b0;
  assign miss_fetch = 1'b0;
  assign canonical = upper_all_zero || upper_all_one;
  assign checked = valid && canonical;
  assign answered = (checked && look_up_hit) || miss_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign occupied = valid;
  assign is_store = req_store;
  assign is_load = !req_store;
  assign read_grants = is_load || (!req_user && !mode_wp);
  assign user_pages = req_user || !mode_smap || mode_ac;
  assign look_up_load = accept;
  assign look_up_vpn = req_va[47:12];
  assign look_up_needs_read = read_grants;
  assign look_up_needs_write = is_store;
  assign look_up_needs_dirty = is_store;
  assign look_up_needs_user_pages = user_pages;
  assign look_up_needs_supervisor_pages = !req_user;
  assign miss_store = store;
  assign resp_tag = tag;
  assign upper = req_va[63:47];
  assign upper_all_zero_next = !(|upper);
  assign upper_all_one_next = &upper;
  assign s1_vpn = va[47:12];
  assign look_up_held = checked;
  assign look_up_held_vpn = s1_vpn;
  assign look_up_walker_answers = miss_done;
  assign miss_valid = valid && !(canonical && look_up_hit);
  assign miss_vpn = s1_vpn;
  assign miss_noncanonical = !canonical;
  assign miss_user = user;
  assign miss_taken = takes;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = miss_done ? miss_refill_page_frame : 40'd0;
  assign resp_fault = miss_done ? miss_fault : 2'd0;
  assign resp_code = miss_done ? miss_code : 5'd0;
  assign resp_served = miss_done ? 2'd3 : 2'd0;
  assign resp_page = miss_done ? miss_refill_page_size : look_up_page_size;
  assign resp_memory_type = miss_done ? miss_refill_page_memory_type : look_up_page_memory_type;
  assign offset = miss_done ? ((|miss_fault) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, look_up_page_frame | walked_frame};
  assign wide_offset = {40'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  initial begin
    valid = 1'b0;
    va = 64'd0;
    user = 1'b0;
    store = 1'b0;
    tag = 4'd0;
    upper_all_zero = 1'b0;
    upper_all_one = 1'b0;
  end

  always @(posedge clock) begin
    valid <= valid_next;
    if (accept) begin
      va <= req_va;
      user <= req_user;
      store <= req_store;
      tag <= req_tag;
      upper_all_zero <= upper_all_zero_next;
      upper_all_one <= upper_all_one_next;
    end
  end

  // Read by nothing.
  wire unused = &{1'b0, miss_for_fetch, miss_refill_valid, miss_refill_superpage,
    miss_refill_ignored, miss_refill_tag_rights, miss_refill_tag_global};
endmodule

module pagewalk_mmu_data (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire [11:0] asid,
  input  wire        mode_wp,
  input  wire        mode_smap,
  input  wire        mode_ac,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire        req_store,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        miss_valid,
  output wire [35:0] miss_vpn,
  output wire        miss_noncanonical,
  output wire        miss_user,
  output wire        miss_store,
  output wire        miss_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault,
  input  wire  [4:0] miss_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire  [3:0] drop_row,
  input  wire [35:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire [11:0] drop_asid,
  input  wire        drop_keep_global,
  output wire        occupied
);

  wire        pipeline_look_up_load;
  wire [35:0] pipeline_look_up_vpn;
  wire        pipeline_look_up_needs_read;
  wire        pipeline_look_up_needs_write;
  wire        pipeline_look_up_needs_execute;
  wire        pipeline_look_up_needs_dirty;
  wire        pipeline_look_up_needs_user_pages;
  wire        pipeline_look_up_needs_supervisor_pages;
  wire        pipeline_look_up_held;
  wire [35:0] pipeline_look_up_held_vpn;
  wire        pipeline_look_up_walker_answers;
  wire        set_tlb_look_up_hit;
  wire [39:0] set_tlb_look_up_page_frame;
  wire  [2:0] set_tlb_look_up_page_size;
  wire  [2:0] set_tlb_look_up_page_memory_type;

  pagewalk_mmu_data_pipeline pipeline (
    .clock(clock),
    .reset(reset),
    .blocked(blocked),
    .mode_wp(mode_wp),
    .mode_smap(mode_smap),
    .mode_ac(mode_ac),
    .req_valid(req_valid),
    .req_ready(req_ready),
    .req_va(req_va),
    .req_user(req_user),
    .req_store(req_store),
    .req_tag(req_tag),
    .resp_valid(resp_valid),
    .resp_ready(resp_ready),
    .resp_va(resp_va),
    .resp_pa(resp_pa),
    .resp_fault(resp_fault),
    .resp_code(resp_code),
    .resp_page(resp_page),
    .resp_memory_type(resp_memory_type),
    .resp_served(resp_served),
    .resp_tag(resp_tag),
    .look_up_load(pipeline_look_up_load),
    .look_up_vpn(pipeline_look_up_vpn),
    .look_up_needs_read(pipeline_look_up_needs_read),
    .look_up_needs_write(pipeline_look_up_needs_write),
    .look_up_needs_execute(pipeline_look_up_needs_execute),
    .look_up_needs_dirty(pipeline_look_up_needs_dirty),
    .look_up_needs_user_pages(pipeline_look_up_needs_user_pages),
    .look_up_needs_supervisor_pages(pipeline_look_up_needs_supervisor_pages),
    .look_up_held(pipeline_look_up_held),
    .look_up_held_vpn(pipeline_look_up_held_vpn),
    .look_up_walker_answers(pipeline_look_up_walker_answers),
    .look_up_hit(set_tlb_look_up_hit),
    .look_up_page_frame(set_tlb_look_up_page_frame),
    .look_up_page_size(set_tlb_look_up_page_size),
    .look_up_page_memory_type(set_tlb_look_up_page_memory_type),
    .miss_valid(miss_valid),
    .miss_vpn(miss_vpn),
    .miss_noncanonical(miss_noncanonical),
    .miss_user(miss_user),
    .miss_store(miss_store),
    .miss_fetch(miss_fetch),
    .miss_done(miss_done),
    .miss_for_fetch(miss_for_fetch),
    .miss_taken(miss_taken),
    .miss_fault(miss_fault),
    .miss_code(miss_code),
    .miss_refill_valid(miss_refill_valid),
    .miss_refill_superpage(miss_refill_superpage),
    .miss_refill_ignored(miss_refill_ignored),
    .miss_refill_tag_rights(miss_refill_tag_rights),
    .miss_refill_tag_global(miss_refill_tag_global),
    .miss_refill_page_frame(miss_refill_page_frame),
    .miss_refill_page_size(miss_refill_page_size),
    .miss_refill_page_memory_type(miss_refill_page_memory_type),
    .occupied(occupied)
  );

  pagewalk_mmu_set_tlb set_tlb (
    .clock(clock),
    .asid(asid),
    .look_up_load(pipeline_look_up_load),
    .look_up_vpn(pipeline_look_up_vpn),
    .look_up_needs_read(pipeline_look_up_needs_read),
    .look_up_needs_write(pipeline_look_up_needs_write),
    .look_up_needs_execute(pipeline_look_up_needs_execute),
    .look_up_needs_dirty(pipeline_look_up_needs_dirty),
    .look_up_needs_user_pages(pipeline_look_up_needs_user_pages),
    .look_up_needs_supervisor_pages(pipeline_look_up_needs_supervisor_pages),
    .look_up_held(pipeline_look_up_held),
    .look_up_held_vpn(pipeline_look_up_held_vpn),
    .look_up_walker_answers(pipeline_look_up_walker_answers),
    .look_up_hit(set_tlb_look_up_hit),
    .look_up_page_frame(set_tlb_look_up_page_frame),
    .look_up_page_size(set_tlb_look_up_page_size),
    .look_up_page_memory_type(set_tlb_look_up_page_memory_type),
    .refill_valid(miss_refill_valid),
    .refill_superpage(miss_refill_superpage),
    .refill_ignored(miss_refill_ignored),
    .refill_tag_rights(miss_refill_tag_rights),
    .refill_tag_global(miss_refill_tag_global),
    .refill_page_frame(miss_refill_page_frame),
    .refill_page_size(miss_refill_page_size),
    .refill_page_memory_type(miss_refill_page_memory_type),
    .drop_valid(drop_valid),
    .drop_by_address(drop_by_address),
    .drop_row(drop_row),
    .drop_vpn(drop_vpn),
    .drop_has_asid(drop_has_asid),
    .drop_asid(drop_asid),
    .drop_keep_global(drop_keep_global)
  );
endmodule

module pagewalk_mmu_misses (
  input  wire        data_valid,
  input  wire [35:0] data_vpn,
  input  wire        data_noncanonical,
  input  wire        data_user,
  input  wire        data_store,
  input  wire        data_fetch,
  output wire        data_done,
  output wire        data_for_fetch,
  input  wire        data_taken,
  output wire  [1:0] data_fault,
  output wire  [4:0] data_code,
  output wire        data_refill_valid,
  output wire        data_refill_superpage,
  output wire  [1:0] data_refill_ignored,
  output wire  [4:0] data_refill_tag_rights,
  output wire        data_refill_tag_global,
  output wire [39:0] data_refill_page_frame,
  output wire  [2:0] data_refill_page_size,
  output wire  [2:0] data_refill_page_memory_type,
  input  wire        instruction_valid,
  input  wire [35:0] instruction_vpn,
  input  wire        instruction_noncanonical,
  input  wire        instruction_user,
  input  wire        instruction_store,
  input  wire        instruction_fetch,
  output wire        instruction_done,
  output wire        instruction_for_fetch,
  input  wire        instruction_taken,
  output wire  [1:0] instruction_fault,
  output wire  [4:0] instruction_code,
  output wire        instruction_refill_valid,
  output wire        instruction_refill_superpage,
  output wire  [1:0] instruction_refill_ignored,
  output wire  [4:0] instruction_refill_tag_rights,
  output wire        instruction_refill_tag_global,
  output wire [39:0] instruction_refill_page_frame,
  output wire  [2:0] instruction_refill_page_size,
  output wire  [2:0] instruction_refill_page_memory_type,
  output wire        to_valid,
  output wire [35:0] to_vpn,
  output wire        to_noncanonical,
  output wire        to_user,
  output wire        to_store,
  output wire        to_fetch,
  input  wire        to_done,
  input  wire        to_for_fetch,
  output wire        to_taken,
  input  wire  [1:0] to_fault,
  input  wire  [4:0] to_code,
  input  wire        to_refill_valid,
  input  wire        to_refill_superpage,
  input  wire  [1:0] to_refill_ignored,
  input  wire  [4:0] to_refill_tag_rights,
  input  wire        to_refill_tag_global,
  input  wire [39:0] to_refill_page_frame,
  input  wire  [2:0] to_refill_page_size,
  input  wire  [2:0] to_refill_page_memory_type
);

  assign to_valid = data_valid || instruction_valid;
  assign to_vpn = data_valid ? data_vpn : instruction_vpn;
  assign to_noncanonical = data_valid ? data_noncanonical : instruction_noncanonical;
  assign to_user = data_valid ? data_user : instruction_user;
  assign to_store = data_valid ? data_store : instruction_store;
  assign to_fetch = data_valid ? data_fetch : instruction_fetch;
  assign instruction_done = to_done && to_for_fetch;
  assign instruction_for_fetch = to_for_fetch;
  assign to_taken = to_for_fetch ? instruction_taken : data_taken;
  assign instruction_fault = to_fault;
  assign instruction_code = to_code;
  assign instruction_refill_valid = to_refill_valid && to_for_fetch;
  assign instruction_refill_superpage = to_refill_superpage;
  assign instruction_refill_ignored = to_refill_ignored;
  assign instruction_refill_tag_rights = to_refill_tag_rights;
  assign instruction_refill_tag_global = to_refill_tag_global;
  assign instruction_refill_page_frame = to_refill_page_frame;
  assign instruction_refill_page_size = to_refill_page_size;
  assign instruction_refill_page_memory_type = to_refill_page_memory_type;
  assign data_refill_valid = to_refill_valid && !to_for_fetch;
  assign data_refill_superpage = to_refill_superpage;
  assign data_refill_ignored = to_refill_ignored;
  assign data_refill_tag_rights = to_refill_tag_rights;
  assign data_refill_tag_global = to_refill_tag_global;
  assign data_refill_page_frame = to_refill_page_frame;
  assign data_refill_page_size = to_refill_page_size;
  assign data_refill_page_memory_type = to_refill_page_memory_type;
  assign data_for_fetch = to_for_fetch;
  assign data_fault = to_fault;
  assign data_code = to_code;
  assign data_done = to_done && !to_for_fetch;
endmodule

module pagewalk_mmu_walker_verdict (
  input  wire [63:0] entry,
  input  wire  [1:0] level,
  input  wire        bus_error,
  input  wire        without_reads,
  input  wire        noncanonical,
  input  wire [35:0] vpn,
  input  wire        user,
  input  wire        store,
  input  wire        fetch,
  input  wire        all_writable,
  input  wire        all_user,
  input  wire        all_executable,
  input  wire        any_global,
  input  wire        mode_wp,
  input  wire        mode_nxe,
  input  wire        mode_pge,
  input  wire        mode_smep,
  input  wire        mode_smap,
  input  wire        mode_ac,
  output wire        updates,
  output wire [63:0] updated,
  output wire        succeeds,
  output wire  [1:0] fault,
  output wire  [4:0] code,
  output wire [39:0] frame,
  output wire  [2:0] page_size,
  output wire  [2:0] memory_type,
  output wire        cacheable,
  output wire        superpage,
  output wire  [4:0] rights,
  output wire        is_global,
  output wire  [1:0] ignored
);

  localparam [63:0] ACCESSED_BIT = 64'h20;
  localparam [63:0] ACCESSED_DIRTY_BITS = 64'h60;

  wire [63:0] pte;
  wire        at_bottom;
  wire        present;
  wire        leaf;
  wire        reserved;
  wire        no_execute;
  wire        can_write;
  wire        can_execute;
  wire        for_user;
  wire        accessed;
  wire        dirty;
  reg         permitted;
  wire        stale;
  wire        page_fault;
  wire        access_fault;
  wire        general_protection;
  reg         needs_update;
  wire        ok;
  reg  [63:0] reserved_bits;
  wire [39:0] leaf_frame;
  wire [39:0] low_bits;
  wire [39:0] vpn_frame;
  wire  [2:0] size_bits;
  reg   [2:0] type_bits;
  reg   [4:0] code_bits;
  reg   [4:0] rights_bits;

  assign cacheable = 1'b1;
  assign pte = entry;
  assign at_bottom = level == 2'd0;
  assign present = pte[0];
  assign leaf = at_bottom || pte[7];
  assign reserved = without_reads ? present : (no_execute && !mode_nxe) || (|(pte & reserved_bits));

  always @* begin
    reserved_bits = 64'd0;
    if (level == 2'd0) begin
      reserved_bits = 64'd0;
      if (leaf) reserved_bits = 64'd0;
    end
    if (level == 2'd1) begin
      reserved_bits = 64'd0;
      if (leaf) reserved_bits = 64'h1fe000;
    end
    if (level == 2'd2) begin
      reserved_bits = 64'd0;
      if (leaf) reserved_bits = 64'h3fffe000;
    end
    if (level == 2'd3) begin
      reserved_bits = 64'h80;
      if (leaf) reserved_bits = 64'h7fffffe080;
    end
  end

  assign no_execute = pte[63];
  assign can_write = all_writable && pte[1];
  assign can_execute = all_executable && !no_execute;
  assign for_user = all_user && pte[2];
  assign accessed = pte[5];
  assign dirty = pte[6];

  always @* begin
    permitted = (can_write || !store || (!user && !mode_wp))
                && (can_execute || !fetch)
                && (for_user || !user);
    if (for_user && !user && ((fetch && mode_smep) || (!fetch && mode_smap && !mode_ac))) begin
      permitted = 1'b0;
    end
  end

  assign is_global = pte[8] && mode_pge;
  assign page_fault = without_reads
                      ? !noncanonical
                      : !bus_error && (!present || reserved || (leaf && !permitted));
  assign access_fault = bus_error;
  assign general_protection = without_reads && noncanonical;

  always @* begin
    needs_update = 1'b0;
    if (!without_reads) begin
      if (!bus_error) begin
        if (!(!present || reserved || (leaf && !permitted))) needs_update = stale;
      end
    end
  end

  always @* begin
    code_bits = 5'd0;
    if (page_fault) begin
      code_bits[0] = present;
      code_bits[1] = store;
      code_bits[2] = user;
      code_bits[3] = present && reserved;
      if (fetch && mode_smep) code_bits[4] = 1'b1;
      if (fetch && mode_nxe) code_bits[4] = 1'b1;
    end
  end

  always @* begin
    type_bits = {1'b0, pte[4:3]};
    if ((at_bottom && pte[7]) || (!at_bottom && pte[12])) type_bits = type_bits | 3'd4;
  end

  assign leaf_frame = pte[51:12];
  assign stale = !accessed || (leaf && store && !dirty);
  assign low_bits = (level == 2'd3)
                    ? 40'd0
                    : (level == 2'd2) ? 40'h3ffff : (level == 2'd1) ? 40'h1ff : 40'd0;
  assign size_bits = {1'b0, level};
  assign ignored = (level == 2'd3) ? 2'd3 : (level == 2'd2) ? 2'd3 : (level == 2'd1) ? 2'd1 : 2'd0;
  assign vpn_frame = {4'd0, vpn};
  assign ok = !page_fault && !access_fault && !general_protection && !needs_update;
  assign succeeds = ok;
  assign superpage = !at_bottom;
  assign frame = ok ? (leaf_frame & ~low_bits) | (vpn_frame & low_bits) : 40'd0;
  assign page_size = ok ? size_bits : 3'd0;
  assign memory_type = ok ? type_bits : 3'd0;

  always @* begin
    rights_bits = 5'd0;
    rights_bits[0] = 1'b1;
    rights_bits[1] = can_write;
    rights_bits[2] = can_execute;
    rights_bits[3] = for_user;
    rights_bits[4] = dirty;
  end

  assign rights = rights_bits;
  assign fault = general_protection ? 2'd3 : access_fault ? 2'd2 : page_fault ? 2'd1 : 2'd0;
  assign code = code_bits;
  assign updates = needs_update;
  assign updated = (store && leaf) ? pte | ACCESSED_DIRTY_BITS : pte | ACCESSED_BIT;

  // Read by nothing.
  wire unused = &{1'b0, any_global};
endmodule

module pagewalk_mmu_walker (
  input  wire        clock,
  input  wire        reset,
  input  wire        miss_valid,
  input  wire [35:0] miss_vpn,
  input  wire        miss_noncanonical,
  input  wire        miss_user,
  input  wire        miss_store,
  input  wire        miss_fetch,
  output wire        miss_done,
  output wire        miss_for_fetch,
  input  wire        miss_taken,
  output wire  [1:0] miss_fault,
  output wire  [4:0] miss_code,
  output wire        miss_refill_valid,
  output wire        miss_refill_superpage,
  output wire  [1:0] miss_refill_ignored,
  output wire  [4:0] miss_refill_tag_rights,
  output wire        miss_refill_tag_global,
  output wire [39:0] miss_refill_page_frame,
  output wire  [2:0] miss_refill_page_size,
  output wire  [2:0] miss_refill_page_memory_type,
  input  wire [39:0] root,
  input  wire        mode_wp,
  input  wire        mode_nxe,
  input  wire        mode_pge,
  input  wire        mode_smep,
  input  wire        mode_smap,
  input  wire        mode_ac,
  output wire        report_idle,
  output wire        report_fetch,
  output wire [35:0] report_vpn,
  output wire        report_page_fault,
  output wire        report_refill,
  output wire  [2:0] report_page_size,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [51:0] mem_req_address,
  output wire        mem_req_swap,
  output wire [63:0] mem_req_expected,
  output wire [63:0] mem_req_new,
  output wire        mem_req_port,
  input  wire        mem_resp_valid,
  input  wire [63:0] mem_resp_data,
  input  wire        mem_resp_error
);

  localparam [6:0] ENTRY_SHIFT = 7'd3;
  localparam [1:0] FIRST_LEVEL = 2'd3;
  localparam [63:0] POINTER_VALUE = 64'h21;
  localparam [63:0] POINTER_MASK = 64'ha1;

  reg        idle;
  reg        look;
  reg        request;
  reg        waiting;
  reg        check;
  reg        done;
  reg        swap;
  reg [35:0] walk_vpn;
  reg        noncanonical;
  reg        user;
  reg        store;
  reg        for_fetch;
  reg  [1:0] level;
  reg [39:0] table_frame;
  reg  [8:0] index;
  reg [63:0] entry;
  reg        bus_error;
  reg        without_reads;
  reg        all_writable;
  reg        all_user;
  reg        all_executable;
  reg        any_global;
  reg [39:0] result_frame;
  reg  [2:0] result_size;
  reg  [2:0] result_type;
  reg  [1:0] result_fault;
  reg  [4:0] result_code;

  wire        verdict_at_look;
  wire [39:0] first_table;
  wire  [8:0] first_index;
  wire [39:0] next_table;
  wire  [8:0] next_index;
  wire [63:0] answer;
  wire        answered;
  reg         descend;
  wire        step;
  wire  [1:0] at_level;
  wire        updates;
  wire        refills;
  wire [51:0] wide_table;
  wire [51:0] wide_index;
  wire        idle_next;
  wire        look_next;
  reg         request_next;
  wire        waiting_next;
  wire        check_next;
  wire        done_next;
  wire        swap_next;
  wire  [1:0] level_next;
  wire [39:0] table_frame_next;
  wire  [8:0] index_next;
  wire [63:0] entry_next;
  wire        entry_en;
  wire        bus_error_next;
  wire        bus_error_en;
  wire        all_writable_next;
  wire        all_user_next;
  wire        all_executable_next;
  wire        verdict_succeeds;
  wire  [1:0] verdict_fault;
  wire  [4:0] verdict_code;
  wire [39:0] verdict_frame;
  wire  [2:0] verdict_memory_type;
  wire        verdict_cacheable;

  assign answered = waiting && mem_resp_valid;
  assign idle_next = reset || (idle && !miss_valid) || (done && miss_taken);
  assign look_next = !reset && idle && miss_valid;

  always @* begin
    request_next = (look && !verdict_at_look)
                   || (request && !mem_req_ready)
                   || (answered && descend)
                   || (check && updates);
    if (reset) request_next = 1'b0;
  end

  assign waiting_next = !reset && ((request && mem_req_ready) || (waiting && !mem_resp_valid));
  assign check_next = !reset && ((look && verdict_at_look) || (answered && !descend));
  assign done_next = !reset && ((check && !updates) || (done && !miss_taken));
  assign swap_next = !reset && ((check && updates) || (swap && !answered));
  assign miss_done = done;
  assign miss_for_fetch = for_fetch;
  assign verdict_at_look = noncanonical;
  assign first_table = root;
  assign first_index = walk_vpn[35:27];
  assign answer = mem_resp_data;
  assign at_level = level;

  always @* begin
    descend = ((answer & POINTER_MASK) == POINTER_VALUE) && (at_level != 2'd0) && !mem_resp_error;
    if (answer[63] && !mode_nxe) descend = 1'b0;
  end

  assign next_table = answer[51:12];
  assign next_index = (at_level == 2'd3)
                      ? walk_vpn[26:18]
                      : (at_level == 2'd2)
                        ? walk_vpn[17:9]
                        : (at_level == 2'd1) ? walk_vpn[8:0] : 9'd0;
  assign step = look || (answered && descend);
  assign level_next = look ? FIRST_LEVEL : at_level - 2'd1;
  assign table_frame_next = look ? first_table : next_table;
  assign index_next = look ? first_index : next_index;
  assign entry_en = look || answered;
  assign entry_next = look ? 64'd0 : answer;
  assign bus_error_en = look || answered;
  assign bus_error_next = answered && mem_resp_error;
  assign all_writable_next = !look ? all_writable && answer[1] : look;
  assign all_user_next = !look ? all_user && answer[2] : look;
  assign all_executable_next = !look ? all_executable && !answer[63] : look;
  assign wide_table = {12'd0, table_frame};
  assign wide_index = {43'd0, index};
  assign mem_req_valid = request;
  assign mem_req_address = (wide_table << 12) | (wide_index << ENTRY_SHIFT);
  assign mem_req_swap = swap;
  assign mem_req_expected = entry;
  assign mem_req_port = for_fetch;
  assign refills = check && verdict_succeeds && verdict_cacheable;
  assign miss_refill_valid = refills;
  assign report_idle = idle;
  assign report_fetch = for_fetch;
  assign report_vpn = walk_vpn;
  assign report_page_fault = check && (verdict_fault == 2'd1);
  assign report_refill = refills;
  assign miss_refill_page_frame = result_frame;
  assign miss_refill_page_size = result_size;
  assign miss_refill_page_memory_type = result_type;
  assign miss_fault = result_fault;
  assign miss_code = result_code;

  pagewalk_mmu_walker_verdict verdict (
    .entry(entry),
    .level(level),
    .bus_error(bus_error),
    .without_reads(without_reads),
    .noncanonical(noncanonical),
    .vpn(walk_vpn),
    .user(user),
    .store(store),
    .fetch(for_fetch),
    .all_writable(all_writable),
    .all_user(all_user),
    .all_executable(all_executable),
    .any_global(any_global),
    .mode_wp(mode_wp),
    .mode_nxe(mode_nxe),
    .mode_pge(mode_pge),
    .mode_smep(mode_smep),
    .mode_smap(mode_smap),
    .mode_ac(mode_ac),
    .updates(updates),
    .updated(mem_req_new),
    .succeeds(verdict_succeeds),
    .fault(verdict_fault),
    .code(verdict_code),
    .frame(verdict_frame),
    .page_size(report_page_size),
    .memory_type(verdict_memory_type),
    .cacheable(verdict_cacheable),
    .superpage(miss_refill_superpage),
    .rights(miss_refill_tag_rights),
    .is_global(miss_refill_tag_global),
    .ignored(miss_refill_ignored)
  );

  initial begin
    idle = 1'b0;
    look = 1'b0;
    request = 1'b0;
    waiting = 1'b0;
    check = 1'b0;
    done = 1'b0;
    swap = 1'b0;
    walk_vpn = 36'd0;
    noncanonical = 1'b0;
    user = 1'b0;
    store = 1'b0;
    for_fetch = 1'b0;
    level = 2'd0;
    table_frame = 40'd0;
    index = 9'd0;
    entry = 64'd0;
    bus_error = 1'b0;
    without_reads = 1'b0;
    all_writable = 1'b0;
    all_user = 1'b0;
    all_executable = 1'b0;
    any_global = 1'b0;
    result_frame = 40'd0;
    result_size = 3'd0;
    result_type = 3'd0;
    result_fault = 2'd0;
    result_code = 5'd0;
  end

  always @(posedge clock) begin
    idle <= idle_next;
    look <= look_next;
    request <= request_next;
    waiting <= waiting_next;
    check <= check_next;
    done <= done_next;
    swap <= swap_next;
    if (idle) begin
      walk_vpn <= miss_vpn;
      noncanonical <= miss_noncanonical;
      user <= miss_user;
      store <= miss_store;
      for_fetch <= miss_fetch;
    end
    if (step) begin
      level <= level_next;
      table_frame <= table_frame_next;
      index <= index_next;
    end
    if (entry_en) entry <= entry_next;
    if (bus_error_en) bus_error <= bus_error_next;
    if (look) without_reads <= verdict_at_look;
    if (step) begin
      all_writable <= all_writable_next;
      all_user <= all_user_next;
      all_executable <= all_executable_next;
      any_global <= 1'b0;
    end
    if (check) begin
      result_frame <= verdict_frame;
      result_size <= report_page_size;
      result_type <= verdict_memory_type;
      result_fault <= verdict_fault;
      result_code <= verdict_code;
    end
  end
endmodule

module pagewalk_mmu_bus (
  input  wire        clock,
  input  wire        reset,
  input  wire        from_valid,
  output wire        from_ready,
  input  wire [51:0] from_address,
  input  wire        from_swap,
  input  wire [63:0] from_expected,
  input  wire [63:0] from_new,
  input  wire        from_port,
  output wire        back_valid,
  output wire [63:0] back_data,
  output wire        back_error,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [51:0] mem_req_address,
  output wire        mem_req_swap,
  output wire [63:0] mem_req_expected,
  output wire [63:0] mem_req_new,
  output wire        mem_req_port,
  input  wire        mem_resp_valid,
  input  wire [63:0] mem_resp_data,
  input  wire        mem_resp_error
);

  wire asked;

  assign asked = from_valid;
  assign mem_req_valid = asked;
  assign from_ready = mem_req_ready;
  assign mem_req_address = from_address;
  assign mem_req_swap = from_swap;
  assign mem_req_expected = from_expected;
  assign mem_req_new = from_new;
  assign mem_req_port = from_port;
  assign back_valid = mem_resp_valid;
  assign back_data = mem_resp_data;
  assign back_error = mem_resp_error;

  // Read by nothing.
  wire unused = &{1'b0, clock, reset};
endmodule

module pagewalk_mmu_fences (
  input  wire        clock,
  input  wire        reset,
  input  wire        fence_valid,
  output wire        fence_ready,
  input  wire        fence_has_va,
  input  wire [63:0] fence_va,
  input  wire        fence_has_asid,
  input  wire [11:0] fence_asid,
  input  wire        fence_keep_global,
  input  wire [11:0] asid,
  input  wire        data_occupied,
  input  wire        instruction_occupied,
  input  wire        walk_idle,
  input  wire        walk_fetch,
  input  wire [35:0] walk_vpn,
  input  wire        walk_page_fault,
  input  wire        walk_refill,
  input  wire  [2:0] walk_page_size,
  output wire        drop_valid,
  output wire        drop_by_address,
  output wire  [3:0] drop_row,
  output wire [35:0] drop_vpn,
  output wire        drop_has_asid,
  output wire [11:0] drop_asid,
  output wire        drop_keep_global,
  output wire        blocks,
  output wire        busy
);

  localparam [2:0] DATA_WHOLE = 3'd1;
  localparam [2:0] FETCH_WHOLE = 3'd1;
  localparam [3:0] LAST_ROW = 4'd15;

  reg        pending;
  reg        has_va;
  reg [35:0] vpn;
  reg        has_asid;
  reg [11:0] flush_asid;
  reg        keep_global;
  reg        split;
  reg  [3:0] row;

  wire        fence_taken;
  wire        faulted;
  wire        widened;
  wire        loads;
  wire        idle;
  wire        carried_out;
  wire        finishes;
  wire        by_address;
  wire        splits;
  wire        pending_next;
  wire        has_va_next;
  wire [35:0] vpn_next;
  wire        has_asid_next;
  wire [11:0] flush_asid_next;
  wire        keep_global_next;
  wire        split_next;
  wire  [3:0] row_next;

  assign fence_ready = !pending;
  assign fence_taken = fence_valid && !pending;
  assign faulted = walk_page_fault;
  assign widened = reset || (faulted && (pending || fence_taken));
  assign loads = fence_taken || faulted || reset;
  assign has_va_next = (faulted || fence_has_va) && !widened;
  assign vpn_next = faulted ? walk_vpn : fence_va[47:12];
  assign keep_global_next = fence_keep_global && !faulted && !widened;
  assign has_asid_next = (faulted || fence_has_asid) && !widened;
  assign flush_asid_next = faulted ? asid : fence_asid;
  assign idle = !data_occupied && !instruction_occupied && walk_idle;
  assign carried_out = pending && idle;
  assign by_address = has_va && !split;
  assign finishes = carried_out && (by_address || (row == LAST_ROW));
  assign pending_next = loads || (pending && !finishes);
  assign row_next = (finishes || reset) ? 4'd0 : carried_out ? row + 4'd1 : row;
  assign splits = walk_fetch ? FETCH_WHOLE < walk_page_size : DATA_WHOLE < walk_page_size;
  assign split_next = (walk_refill && splits) || (split && !(finishes && !by_address));
  assign blocks = pending;
  assign busy = pending || !idle;
  assign drop_valid = carried_out;
  assign drop_by_address = by_address;
  assign drop_row = row;
  assign drop_vpn = vpn;
  assign drop_keep_global = keep_global;
  assign drop_has_asid = has_asid;
  assign drop_asid = flush_asid;

  initial begin
    pending = 1'b0;
    has_va = 1'b0;
    vpn = 36'd0;
    has_asid = 1'b0;
    flush_asid = 12'd0;
    keep_global = 1'b0;
    split = 1'b0;
    row = 4'd0;
  end

  always @(posedge clock) begin
    pending <= pending_next;
    if (loads) begin
      has_va <= has_va_next;
      vpn <= vpn_next;
      has_asid <= has_asid_next;
      flush_asid <= flush_asid_next;
      keep_global <= keep_global_next;
    end
    split <= split_next;
    row <= row_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, fence_va[11:0], fence_va[63:48]};
endmodule

module pagewalk_mmu (
  input  wire        clock,
  input  wire        reset,
  input  wire [39:0] root,
  input  wire [11:0] asid,
  input  wire        mode_wp,
  input  wire        mode_nxe,
  input  wire        mode_pge,
  input  wire        mode_smep,
  input  wire        mode_smap,
  input  wire        mode_ac,
  input  wire        fence_valid,
  output wire        fence_ready,
  input  wire        fence_has_va,
  input  wire [63:0] fence_va,
  input  wire        fence_has_asid,
  input  wire [11:0] fence_asid,
  input  wire        fence_keep_global,
  output wire        busy,
  input  wire        ireq_valid,
  output wire        ireq_ready,
  input  wire [63:0] ireq_va,
  input  wire        ireq_user,
  input  wire  [3:0] ireq_tag,
  output wire        iresp_valid,
  input  wire        iresp_ready,
  output wire [63:0] iresp_va,
  output wire [51:0] iresp_pa,
  output wire  [1:0] iresp_fault,
  output wire  [4:0] iresp_code,
  output wire  [2:0] iresp_page,
  output wire  [2:0] iresp_memory_type,
  output wire  [1:0] iresp_served,
  output wire  [3:0] iresp_tag,
  input  wire        dreq_valid,
  output wire        dreq_ready,
  input  wire [63:0] dreq_va,
  input  wire        dreq_user,
  input  wire        dreq_store,
  input  wire  [3:0] dreq_tag,
  output wire        dresp_valid,
  input  wire        dresp_ready,
  output wire [63:0] dresp_va,
  output wire [51:0] dresp_pa,
  output wire  [1:0] dresp_fault,
  output wire  [4:0] dresp_code,
  output wire  [2:0] dresp_page,
  output wire  [2:0] dresp_memory_type,
  output wire  [1:0] dresp_served,
  output wire  [3:0] dresp_tag,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [51:0] mem_req_address,
  output wire        mem_req_swap,
  output wire [63:0] mem_req_expected,
  output wire [63:0] mem_req_new,
  output wire        mem_req_port,
  input  wire        mem_resp_valid,
  input  wire [63:0] mem_resp_data,
  input  wire        mem_resp_error
);

  wire        instruction_miss_valid;
  wire [35:0] instruction_miss_vpn;
  wire        instruction_miss_noncanonical;
  wire        instruction_miss_user;
  wire        instruction_miss_store;
  wire        instruction_miss_fetch;
  wire        instruction_miss_taken;
  wire        instruction_occupied;
  wire        data_miss_valid;
  wire [35:0] data_miss_vpn;
  wire        data_miss_noncanonical;
  wire        data_miss_user;
  wire        data_miss_store;
  wire        data_miss_fetch;
  wire        data_miss_taken;
  wire        data_occupied;
  wire        misses_data_done;
  wire        misses_data_for_fetch;
  wire  [1:0] misses_data_fault;
  wire  [4:0] misses_data_code;
  wire        misses_data_refill_valid;
  wire        misses_data_refill_superpage;
  wire  [1:0] misses_data_refill_ignored;
  wire  [4:0] misses_data_refill_tag_rights;
  wire        misses_data_refill_tag_global;
  wire [39:0] misses_data_refill_page_frame;
  wire  [2:0] misses_data_refill_page_size;
  wire  [2:0] misses_data_refill_page_memory_type;
  wire        misses_instruction_done;
  wire        misses_instruction_for_fetch;
  wire  [1:0] misses_instruction_fault;
  wire  [4:0] misses_instruction_code;
  wire        misses_instruction_refill_valid;
  wire        misses_instruction_refill_superpage;
  wire  [1:0] misses_instruction_refill_ignored;
  wire  [4:0] misses_instruction_refill_tag_rights;
  wire        misses_instruction_refill_tag_global;
  wire [39:0] misses_instruction_refill_page_frame;
  wire  [2:0] misses_instruction_refill_page_size;
  wire  [2:0] misses_instruction_refill_page_memory_type;
  wire        misses_to_valid;
  wire [35:0] misses_to_vpn;
  wire        misses_to_noncanonical;
  wire        misses_to_user;
  wire        misses_to_store;
  wire        misses_to_fetch;
  wire        misses_to_taken;
  wire        walker_miss_done;
  wire        walker_miss_for_fetch;
  wire  [1:0] walker_miss_fault;
  wire  [4:0] walker_miss_code;
  wire        walker_miss_refill_valid;
  wire        walker_miss_refill_superpage;
  wire  [1:0] walker_miss_refill_ignored;
  wire  [4:0] walker_miss_refill_tag_rights;
  wire        walker_miss_refill_tag_global;
  wire [39:0] walker_miss_refill_page_frame;
  wire  [2:0] walker_miss_refill_page_size;
  wire  [2:0] walker_miss_refill_page_memory_type;
  wire        walker_report_idle;
  wire        walker_report_fetch;
  wire [35:0] walker_report_vpn;
  wire        walker_report_page_fault;
  wire        walker_report_refill;
  wire  [2:0] walker_report_page_size;
  wire        walker_mem_req_valid;
  wire [51:0] walker_mem_req_address;
  wire        walker_mem_req_swap;
  wire [63:0] walker_mem_req_expected;
  wire [63:0] walker_mem_req_new;
  wire        walker_mem_req_port;
  wire        bus_from_ready;
  wire        bus_back_valid;
  wire [63:0] bus_back_data;
  wire        bus_back_error;
  wire        fences_drop_valid;
  wire        fences_drop_by_address;
  wire  [3:0] fences_drop_row;
  wire [35:0] fences_drop_vpn;
  wire        fences_drop_has_asid;
  wire [11:0] fences_drop_asid;
  wire        fences_drop_keep_global;
  wire        fences_blocks;

  pagewalk_mmu_instruction instruction (
    .clock(clock),
    .reset(reset),
    .blocked(fences_blocks),
    .asid(asid),
    .mode_smep(mode_smep),
    .req_valid(ireq_valid),
    .req_ready(ireq_ready),
    .req_va(ireq_va),
    .req_user(ireq_user),
    .req_tag(ireq_tag),
    .resp_valid(iresp_valid),
    .resp_ready(iresp_ready),
    .resp_va(iresp_va),
    .resp_pa(iresp_pa),
    .resp_fault(iresp_fault),
    .resp_code(iresp_code),
    .resp_page(iresp_page),
    .resp_memory_type(iresp_memory_type),
    .resp_served(iresp_served),
    .resp_tag(iresp_tag),
    .miss_valid(instruction_miss_valid),
    .miss_vpn(instruction_miss_vpn),
    .miss_noncanonical(instruction_miss_noncanonical),
    .miss_user(instruction_miss_user),
    .miss_store(instruction_miss_store),
    .miss_fetch(instruction_miss_fetch),
    .miss_done(misses_instruction_done),
    .miss_for_fetch(misses_instruction_for_fetch),
    .miss_taken(instruction_miss_taken),
    .miss_fault(misses_instruction_fault),
    .miss_code(misses_instruction_code),
    .miss_refill_valid(misses_instruction_refill_valid),
    .miss_refill_superpage(misses_instruction_refill_superpage),
    .miss_refill_ignored(misses_instruction_refill_ignored),
    .miss_refill_tag_rights(misses_instruction_refill_tag_rights),
    .miss_refill_tag_global(misses_instruction_refill_tag_global),
    .miss_refill_page_frame(misses_instruction_refill_page_frame),
    .miss_refill_page_size(misses_instruction_refill_page_size),
    .miss_refill_page_memory_type(misses_instruction_refill_page_memory_type),
    .drop_valid(fences_drop_valid),
    .drop_by_address(fences_drop_by_address),
    .drop_row(fences_drop_row),
    .drop_vpn(fences_drop_vpn),
    .drop_has_asid(fences_drop_has_asid),
    .drop_asid(fences_drop_asid),
    .drop_keep_global(fences_drop_keep_global),
    .occupied(instruction_occupied)
  );

  pagewalk_mmu_data data (
    .clock(clock),
    .reset(reset),
    .blocked(fences_blocks),
    .asid(asid),
    .mode_wp(mode_wp),
    .mode_smap(mode_smap),
    .mode_ac(mode_ac),
    .req_valid(dreq_valid),
    .req_ready(dreq_ready),
    .req_va(dreq_va),
    .req_user(dreq_user),
    .req_store(dreq_store),
    .req_tag(dreq_tag),
    .resp_valid(dresp_valid),
    .resp_ready(dresp_ready),
    .resp_va(dresp_va),
    .resp_pa(dresp_pa),
    .resp_fault(dresp_fault),
    .resp_code(dresp_code),
    .resp_page(dresp_page),
    .resp_memory_type(dresp_memory_type),
    .resp_served(dresp_served),
    .resp_tag(dresp_tag),
    .miss_valid(data_miss_valid),
    .miss_vpn(data_miss_vpn),
    .miss_noncanonical(data_miss_noncanonical),
    .miss_user(data_miss_user),
    .miss_store(data_miss_store),
    .miss_fetch(data_miss_fetch),
    .miss_done(misses_data_done),
    .miss_for_fetch(misses_data_for_fetch),
    .miss_taken(data_miss_taken),
    .miss_fault(misses_data_fault),
    .miss_code(misses_data_code),
    .miss_refill_valid(misses_data_refill_valid),
    .miss_refill_superpage(misses_data_refill_superpage),
    .miss_refill_ignored(misses_data_refill_ignored),
    .miss_refill_tag_rights(misses_data_refill_tag_rights),
    .miss_refill_tag_global(misses_data_refill_tag_global),
    .miss_refill_page_frame(misses_data_refill_page_frame),
    .miss_refill_page_size(misses_data_refill_page_size),
    .miss_refill_page_memory_type(misses_data_refill_page_memory_type),
    .drop_valid(fences_drop_valid),
    .drop_by_address(fences_drop_by_address),
    .drop_row(fences_drop_row),
    .drop_vpn(fences_drop_vpn),
    .drop_has_asid(fences_drop_has_asid),
    .drop_asid(fences_drop_asid),
    .drop_keep_global(fences_drop_keep_global),
    .occupied(data_occupied)
  );

  pagewalk_mmu_misses misses (
    .data_valid(data_miss_valid),
    .data_vpn(data_miss_vpn),
    .data_noncanonical(data_miss_noncanonical),
    .data_user(data_miss_user),
    .data_store(data_miss_store),
    .data_fetch(data_miss_fetch),
    .data_done(misses_data_done),
    .data_for_fetch(misses_data_for_fetch),
    .data_taken(data_miss_taken),
    .data_fault(misses_data_fault),
    .data_code(misses_data_code),
    .data_refill_valid(misses_data_refill_valid),
    .data_refill_superpage(misses_data_refill_superpage),
    .data_refill_ignored(misses_data_refill_ignored),
    .data_refill_tag_rights(misses_data_refill_tag_rights),
    .data_refill_tag_global(misses_data_refill_tag_global),
    .data_refill_page_frame(misses_data_refill_page_frame),
    .data_refill_page_size(misses_data_refill_page_size),
    .data_refill_page_memory_type(misses_data_refill_page_memory_type),
    .instruction_valid(instruction_miss_valid),
    .instruction_vpn(instruction_miss_vpn),
    .instruction_noncanonical(instruction_miss_noncanonical),
    .instruction_user(instruction_miss_user),
    .instruction_store(instruction_miss_store),
    .instruction_fetch(instruction_miss_fetch),
    .instruction_done(misses_instruction_done),
    .instruction_for_fetch(misses_instruction_for_fetch),
    .instruction_taken(instruction_miss_taken),
    .instruction_fault(misses_instruction_fault),
    .instruction_code(misses_instruction_code),
    .instruction_refill_valid(misses_instruction_refill_valid),
    .instruction_refill_superpage(misses_instruction_refill_superpage),
    .instruction_refill_ignored(misses_instruction_refill_ignored),
    .instruction_refill_tag_rights(misses_instruction_refill_tag_rights),
    .instruction_refill_tag_global(misses_instruction_refill_tag_global),
    .instruction_refill_page_frame(misses_instruction_refill_page_frame),
    .instruction_refill_page_size(misses_instruction_refill_page_size),
    .instruction_refill_page_memory_type(misses_instruction_refill_page_memory_type),
    .to_valid(misses_to_valid),
    .to_vpn(misses_to_vpn),
    .to_noncanonical(misses_to_noncanonical),
    .to_user(misses_to_user),
    .to_store(misses_to_store),
    .to_fetch(misses_to_fetch),
    .to_done(walker_miss_done),
    .to_for_fetch(walker_miss_for_fetch),
    .to_taken(misses_to_taken),
    .to_fault(walker_miss_fault),
    .to_code(walker_miss_code),
    .to_refill_valid(walker_miss_refill_valid),
    .to_refill_superpage(walker_miss_refill_superpage),
    .to_refill_ignored(walker_miss_refill_ignored),
    .to_refill_tag_rights(walker_miss_refill_tag_rights),
    .to_refill_tag_global(walker_miss_refill_tag_global),
    .to_refill_page_frame(walker_miss_refill_page_frame),
    .to_refill_page_size(walker_miss_refill_page_size),
    .to_refill_page_memory_type(walker_miss_refill_page_memory_type)
  );

  pagewalk_mmu_walker walker (
    .clock(clock),
    .reset(reset),
    .miss_valid(misses_to_valid),
    .miss_vpn(misses_to_vpn),
    .miss_noncanonical(misses_to_noncanonical),
    .miss_user(misses_to_user),
    .miss_store(misses_to_store),
    .miss_fetch(misses_to_fetch),
    .miss_done(walker_miss_done),
    .miss_for_fetch(walker_miss_for_fetch),
    .miss_taken(misses_to_taken),
    .miss_fault(walker_miss_fault),
    .miss_code(walker_miss_code),
    .miss_refill_valid(walker_miss_refill_valid),
    .miss_refill_superpage(walker_miss_refill_superpage),
    .miss_refill_ignored(walker_miss_refill_ignored),
    .miss_refill_tag_rights(walker_miss_refill_tag_rights),
    .miss_refill_tag_global(walker_miss_refill_tag_global),
    .miss_refill_page_frame(walker_miss_refill_page_frame),
    .miss_refill_page_size(walker_miss_refill_page_size),
    .miss_refill_page_memory_type(walker_miss_refill_page_memory_type),
    .root(root),
    .mode_wp(mode_wp),
    .mode_nxe(mode_nxe),
    .mode_pge(mode_pge),
    .mode_smep(mode_smep),
    .mode_smap(mode_smap),
    .mode_ac(mode_ac),
    .report_idle(walker_report_idle),
    .report_fetch(walker_report_fetch),
    .report_vpn(walker_report_vpn),
    .report_page_fault(walker_report_page_fault),
    .report_refill(walker_report_refill),
    .report_page_size(walker_report_page_size),
    .mem_req_valid(walker_mem_req_valid),
    .mem_req_ready(bus_from_ready),
    .mem_req_address(walker_mem_req_address),
    .mem_req_swap(walker_mem_req_swap),
    .mem_req_expected(walker_mem_req_expected),
    .mem_req_new(walker_mem_req_new),
    .mem_req_port(walker_mem_req_port),
    .mem_resp_valid(bus_back_valid),
    .mem_resp_data(bus_back_data),
    .mem_resp_error(bus_back_error)
  );

  pagewalk_mmu_bus bus (
    .clock(clock),
    .reset(reset),
    .from_valid(walker_mem_req_valid),
    .from_ready(bus_from_ready),
    .from_address(walker_mem_req_address),
    .from_swap(walker_mem_req_swap),
    .from_expected(walker_mem_req_expected),
    .from_new(walker_mem_req_new),
    .from_port(walker_mem_req_port),
    .back_valid(bus_back_valid),
    .back_data(bus_back_data),
    .back_error(bus_back_error),
    .mem_req_valid(mem_req_valid),
    .mem_req_ready(mem_req_ready),
    .mem_req_address(mem_req_address),
    .mem_req_swap(mem_req_swap),
    .mem_req_expected(mem_req_expected),
    .mem_req_new(mem_req_new),
    .mem_req_port(mem_req_port),
    .mem_resp_valid(mem_resp_valid),
    .mem_resp_data(mem_resp_data),
    .mem_resp_error(mem_resp_error)
  );

  pagewalk_mmu_fences fences (
    .clock(clock),
    .reset(reset),
    .fence_valid(fence_valid),
    .fence_ready(fence_ready),
    .fence_has_va(fence_has_va),
    .fence_va(fence_va),
    .fence_has_asid(fence_has_asid),
    .fence_asid(fence_asid),
    .fence_keep_global(fence_keep_global),
    .asid(asid),
    .data_occupied(data_occupied),
    .instruction_occupied(instruction_occupied),
    .walk_idle(walker_report_idle),
    .walk_fetch(walker_report_fetch),
    .walk_vpn(walker_report_vpn),
    .walk_page_fault(walker_report_page_fault),
    .walk_refill(walker_report_refill),
    .walk_page_size(walker_report_page_size),
    .drop_valid(fences_drop_valid),
    .drop_by_address(fences_drop_by_address),
    .drop_row(fences_drop_row),
    .drop_vpn(fences_drop_vpn),
    .drop_has_asid(fences_drop_has_asid),
    .drop_asid(fences_drop_asid),
    .drop_keep_global(fences_drop_keep_global),
    .blocks(fences_blocks),
    .busy(busy)
  );
endmodule

`default_nettype wire
