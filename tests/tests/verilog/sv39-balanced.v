// pagewalk_mmu: memory management unit, sv39, 39 virtual and 56 physical address bits
//
// ASID bits 7, tag bits 4
// instruction TLB: 16 sets x 2 ways of 4 KiB pages, 16 superpage rows, tree-PLRU
// data TLB: 16 sets x 2 ways of 4 KiB pages, 16 superpage rows, tree-PLRU
//
// Ports are valid/ready handshakes, `valid` never waits for `ready`. A hit is answered in the cycle after the
// request; a walk of n reads at memory latency L in 4 + n (1 + L) cycles. root, asid, pdpte_* and mode_* may
// change only while `busy` is low. Memory answers a compare-and-swap with the value it holds afterwards.
//
// Written by pagewalk 0.1.0: pagewalk emit --format sv39

`default_nettype none

module pagewalk_mmu_instruction_pipeline (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [55:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        look_up_load,
  output wire [26:0] look_up_vpn,
  output wire        look_up_needs_read,
  output wire        look_up_needs_write,
  output wire        look_up_needs_execute,
  output wire        look_up_needs_dirty,
  output wire        look_up_needs_user_pages,
  output wire        look_up_needs_supervisor_pages,
  output wire        look_up_held,
  output wire [26:0] look_up_held_vpn,
  output wire        look_up_walker_answers,
  input  wire        look_up_hit,
  input  wire [43:0] look_up_page_frame,
  input  wire  [2:0] look_up_page_size,
  input  wire  [2:0] look_up_page_memory_type,
  output wire        miss_valid,
  output wire [26:0] miss_access_vpn,
  output wire        miss_access_noncanonical,
  output wire        miss_access_user,
  output wire        miss_access_store,
  output wire        miss_access_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault_kind,
  input  wire  [4:0] miss_fault_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [43:0] miss_refill_page_frame,
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
  wire [43:0] walked_frame;
  wire [55:0] wide_frame;
  wire [55:0] wide_offset;
  wire [11:0] offset;
  wire [26:0] s1_vpn;
  wire [25:0] upper;
  wire        valid_next;
  wire        upper_all_zero_next;
  wire        upper_all_one_next;

  assign look_up_needs_read = 1'b0;
  assign look_up_needs_write = 1'b0;
  assign look_up_needs_execute = 1'b1;
  assign look_up_needs_dirty = 1'b0;
  assign miss_access_store = 1'b0;
  assign miss_access_fetch = 1'b1;
  assign canonical = upper_all_zero || upper_all_one;
  assign checked = valid && canonical;
  assign answered = (checked && look_up_hit) || miss_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign occupied = valid;
  assign user_pages = req_user;
  assign look_up_load = accept;
  assign look_up_vpn = req_va[38:12];
  assign look_up_needs_user_pages = user_pages;
  assign look_up_needs_supervisor_pages = !req_user;
  assign resp_tag = tag;
  assign upper = req_va[63:38];
  assign upper_all_zero_next = !(|upper);
  assign upper_all_one_next = &upper;
  assign s1_vpn = va[38:12];
  assign look_up_held = checked;
  assign look_up_held_vpn = s1_vpn;
  assign look_up_walker_answers = miss_done;
  assign miss_valid = valid && !(canonical && look_up_hit);
  assign miss_access_vpn = s1_vpn;
  assign miss_access_noncanonical = !canonical;
  assign miss_access_user = user;
  assign miss_taken = takes;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = miss_done ? miss_refill_page_frame : 44'd0;
  assign resp_fault = miss_done ? miss_fault_kind : 2'd0;
  assign resp_code = miss_done ? miss_fault_code : 5'd0;
  assign resp_served = miss_done ? 2'd3 : 2'd0;
  assign resp_page = miss_done ? miss_refill_page_size : look_up_page_size;
  assign resp_memory_type = miss_done ? miss_refill_page_memory_type : look_up_page_memory_type;
  assign offset = miss_done ? ((|miss_fault_kind) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, look_up_page_frame | walked_frame};
  assign wide_offset = {44'd0, offset};
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
  input  wire [26:0] vpn,
  input  wire        needs_read,
  input  wire        needs_write,
  input  wire        needs_execute,
  input  wire        needs_dirty,
  input  wire        needs_user_pages,
  input  wire        needs_supervisor_pages,
  input  wire  [6:0] asid,
  input  wire [26:0] held_vpn,
  output wire        matched,
  output wire        granted,
  input  wire        select,
  output wire [43:0] page_frame,
  output wire  [2:0] page_size,
  output wire  [2:0] page_memory_type,
  input  wire        write,
  input  wire        write_valid,
  input  wire  [4:0] write_tag_rights,
  input  wire        write_tag_global,
  input  wire [43:0] write_page_frame,
  input  wire  [2:0] write_page_size,
  input  wire  [2:0] write_page_memory_type,
  input  wire        drop,
  input  wire  [3:0] drop_row
);

  localparam [6:0] ASID_SHIFT = 7'd24;
  localparam [6:0] GLOBAL_SHIFT = 7'd31;
  localparam [6:0] RIGHTS_SHIFT = 7'd32;
  localparam [6:0] SIZE_SHIFT = 7'd44;
  localparam [6:0] TAG_SHIFT = 7'd4;
  localparam [6:0] TYPE_SHIFT = 7'd47;

  reg equal_0;
  reg equal_1;
  reg equal_2;
  reg asid_equal;
  reg rights_suffice;
  reg page_due;

  (* ram_style = "distributed" *) reg [36:0] tag_ram [0:15];
  (* ram_style = "distributed" *) reg [49:0] page_ram [0:15];
  integer initial_row;

  wire [36:0] row;
  wire [36:0] key;
  wire  [6:0] row_asid;
  wire        row_global;
  wire  [4:0] rights;
  wire        all_equal;
  wire  [3:0] held_row;
  wire [49:0] read_row;
  wire [43:0] read_frame;
  wire [43:0] whole_frame;
  wire [36:0] new_row;
  wire [36:0] new_tag;
  wire [36:0] new_asid;
  wire [36:0] new_global;
  wire  [3:0] tag_ram_read_address;
  wire        tag_ram_write_enable;
  wire  [3:0] tag_ram_write_address;
  wire [36:0] tag_ram_write_data;
  wire [49:0] page_ram_write_data;
  wire        equal_0_next;
  wire        equal_1_next;
  wire        equal_2_next;
  wire        asid_equal_next;
  wire        page_due_next;
  wire        judge_suffice;

  assign tag_ram_read_address = vpn[3:0];
  assign key = {10'd0, vpn >> TAG_SHIFT};
  assign all_equal = equal_0 && equal_1 && equal_2 && asid_equal;
  assign equal_0_next = ((row ^ ((key << 1) | 37'd1)) & 37'hff) == 37'd0;
  assign equal_1_next = ((row ^ ((key << 1) | 37'd1)) & 37'hff00) == 37'd0;
  assign equal_2_next = ((row ^ ((key << 1) | 37'd1)) & 37'hff0000) == 37'd0;
  assign row_asid = row[30:24];
  assign row_global = row[31];
  assign asid_equal_next = (row_asid == asid) || row_global;
  assign rights = row[36:32];
  assign matched = all_equal;
  assign granted = rights_suffice;
  assign held_row = held_vpn[3:0];
  assign read_frame = read_row[43:0];
  assign whole_frame = read_frame;
  assign page_frame = select ? whole_frame : 44'd0;
  assign page_size = select ? read_row[46:44] : 3'd0;
  assign page_memory_type = select ? read_row[49:47] : 3'd0;
  assign tag_ram_write_enable = write || drop;
  assign tag_ram_write_address = drop ? drop_row : held_row;
  assign new_tag = {10'd0, held_vpn >> TAG_SHIFT};
  assign new_asid = {30'd0, asid};
  assign new_global = write_tag_global ? 37'd1 : 37'd0;
  assign new_row = (new_tag << 1)
                   | (new_asid << ASID_SHIFT)
                   | (new_global << GLOBAL_SHIFT)
                   | ({32'd0, write_tag_rights} << RIGHTS_SHIFT);
  assign tag_ram_write_data = (write_valid && !drop) ? new_row | 37'd1 : new_row;
  assign page_due_next = write && write_valid;
  assign page_ram_write_data = {6'd0, write_page_frame}
                               | ({47'd0, write_page_size} << SIZE_SHIFT)
                               | ({47'd0, write_page_memory_type} << TYPE_SHIFT);

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    tag_ram[initial_row] = 37'd0;
  assign row = tag_ram[tag_ram_read_address];
  always @(posedge clock) begin
    if (tag_ram_write_enable) tag_ram[tag_ram_write_address] <= tag_ram_write_data;
  end

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    page_ram[initial_row] = 50'd0;
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
endmodule

module pagewalk_mmu_set_tlb_lane_2 (
  input  wire        clock,
  input  wire        load,
  input  wire [26:0] vpn,
  input  wire        needs_read,
  input  wire        needs_write,
  input  wire        needs_execute,
  input  wire        needs_dirty,
  input  wire        needs_user_pages,
  input  wire        needs_supervisor_pages,
  input  wire  [6:0] asid,
  input  wire [26:0] held_vpn,
  output wire        matched,
  output wire        granted,
  input  wire        select,
  output wire [43:0] page_frame,
  output wire  [2:0] page_size,
  output wire  [2:0] page_memory_type,
  input  wire        write,
  input  wire        write_valid,
  input  wire  [4:0] write_tag_rights,
  input  wire        write_tag_global,
  input  wire [43:0] write_page_frame,
  input  wire  [2:0] write_page_size,
  input  wire  [2:0] write_page_memory_type,
  input  wire        drop,
  input  wire  [3:0] drop_row
);

  localparam [6:0] ASID_SHIFT = 7'd15;
  localparam [6:0] FRAME_SHIFT = 7'd9;
  localparam [6:0] GLOBAL_SHIFT = 7'd22;
  localparam [43:0] LOW_FRAME = 44'h1ff;
  localparam [6:0] RIGHTS_SHIFT = 7'd23;
  localparam [6:0] SIZE_SHIFT = 7'd35;
  localparam [6:0] TAG_SHIFT = 7'd13;
  localparam [6:0] TYPE_SHIFT = 7'd38;

  reg equal_0;
  reg equal_1;
  reg asid_equal;
  reg rights_suffice;
  reg page_due;

  (* ram_style = "distributed" *) reg [27:0] tag_ram [0:15];
  (* ram_style = "distributed" *) reg [40:0] page_ram [0:15];
  integer initial_row;

  wire [27:0] row;
  wire [27:0] key;
  wire  [6:0] row_asid;
  wire        row_global;
  wire  [4:0] rights;
  wire        all_equal;
  wire  [3:0] held_row;
  wire [40:0] read_row;
  wire [34:0] read_frame;
  wire [43:0] whole_frame;
  wire [27:0] new_row;
  wire [27:0] new_tag;
  wire [27:0] new_asid;
  wire [27:0] new_global;
  wire  [3:0] tag_ram_read_address;
  wire        tag_ram_write_enable;
  wire  [3:0] tag_ram_write_address;
  wire [27:0] tag_ram_write_data;
  wire [40:0] page_ram_write_data;
  wire        equal_0_next;
  wire        equal_1_next;
  wire        asid_equal_next;
  wire        page_due_next;
  wire        judge_suffice;

  assign tag_ram_read_address = vpn[12:9];
  assign key = {1'b0, vpn >> TAG_SHIFT};
  assign all_equal = equal_0 && equal_1 && asid_equal;
  assign equal_0_next = ((row ^ ((key << 1) | 28'd1)) & 28'hff) == 28'd0;
  assign equal_1_next = ((row ^ ((key << 1) | 28'd1)) & 28'h7f00) == 28'd0;
  assign row_asid = row[21:15];
  assign row_global = row[22];
  assign asid_equal_next = (row_asid == asid) || row_global;
  assign rights = row[27:23];
  assign matched = all_equal;
  assign granted = rights_suffice;
  assign held_row = held_vpn[12:9];
  assign read_frame = read_row[34:0];
  assign whole_frame = {9'd0, read_frame};
  assign page_frame = select
                      ? (whole_frame << FRAME_SHIFT) | ({17'd0, held_vpn} & LOW_FRAME)
                      : 44'd0;
  assign page_size = select ? read_row[37:35] : 3'd0;
  assign page_memory_type = select ? read_row[40:38] : 3'd0;
  assign tag_ram_write_enable = write || drop;
  assign tag_ram_write_address = drop ? drop_row : held_row;
  assign new_tag = {1'b0, held_vpn >> TAG_SHIFT};
  assign new_asid = {21'd0, asid};
  assign new_global = write_tag_global ? 28'd1 : 28'd0;
  assign new_row = (new_tag << 1)
                   | (new_asid << ASID_SHIFT)
                   | (new_global << GLOBAL_SHIFT)
                   | ({23'd0, write_tag_rights} << RIGHTS_SHIFT);
  assign tag_ram_write_data = (write_valid && !drop) ? new_row | 28'd1 : new_row;
  assign page_due_next = write && write_valid;
  assign page_ram_write_data = {6'd0, write_page_frame[43:9]}
                               | ({38'd0, write_page_size} << SIZE_SHIFT)
                               | ({38'd0, write_page_memory_type} << TYPE_SHIFT);

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    tag_ram[initial_row] = 28'd0;
  assign row = tag_ram[tag_ram_read_address];
  always @(posedge clock) begin
    if (tag_ram_write_enable) tag_ram[tag_ram_write_address] <= tag_ram_write_data;
  end

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    page_ram[initial_row] = 41'd0;
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
    asid_equal = 1'b0;
    rights_suffice = 1'b0;
    page_due = 1'b0;
  end

  always @(posedge clock) begin
    if (load) begin
      equal_0 <= equal_0_next;
      equal_1 <= equal_1_next;
      asid_equal <= asid_equal_next;
      rights_suffice <= judge_suffice;
    end
    page_due <= page_due_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, write_page_frame[8:0]};
endmodule

module pagewalk_mmu_set_tlb_victim (
  input  wire       state,
  input  wire [1:0] matching,
  input  wire       hit,
  input  wire       refill,
  output wire [1:0] refilled,
  output wire       touches,
  output wire       next_state
);

  wire       in_place;
  reg  [1:0] victims;
  reg  [1:0] chosen;
  wire [1:0] touched;
  wire       new_state;

  assign in_place = |matching;

  always @* begin
    victims = 2'd0;
    if (state == 1'b0) victims[0] = 1'b1;
    if ((state ^ 1'b1) == 1'b0) victims[1] = 1'b1;
  end

  always @* begin
    chosen = 2'd0;
    if (matching[0] && !(|chosen)) chosen[0] = 1'b1;
    if (matching[1] && !(|chosen)) chosen[1] = 1'b1;
    if (!in_place) chosen = victims;
  end

  assign refilled = chosen;
  assign touched = refill ? chosen : hit ? matching : 2'd0;
  assign new_state = !touched[1] && (touched[0] || state);
  assign touches = |touched;
  assign next_state = new_state;
endmodule

module pagewalk_mmu_set_tlb (
  input  wire        clock,
  input  wire  [6:0] asid,
  input  wire        look_up_load,
  input  wire [26:0] look_up_vpn,
  input  wire        look_up_needs_read,
  input  wire        look_up_needs_write,
  input  wire        look_up_needs_execute,
  input  wire        look_up_needs_dirty,
  input  wire        look_up_needs_user_pages,
  input  wire        look_up_needs_supervisor_pages,
  input  wire        look_up_held,
  input  wire [26:0] look_up_held_vpn,
  input  wire        look_up_walker_answers,
  output wire        look_up_hit,
  output wire [43:0] look_up_page_frame,
  output wire  [2:0] look_up_page_size,
  output wire  [2:0] look_up_page_memory_type,
  input  wire        refill_valid,
  input  wire        refill_superpage,
  input  wire  [1:0] refill_ignored,
  input  wire  [4:0] refill_tag_rights,
  input  wire        refill_tag_global,
  input  wire [43:0] refill_page_frame,
  input  wire  [2:0] refill_page_size,
  input  wire  [2:0] refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire  [3:0] drop_row,
  input  wire [26:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire  [6:0] drop_asid,
  input  wire        drop_keep_global
);

  (* ram_style = "distributed" *) reg state_ram [0:15];
  integer initial_row;

  reg   [2:0] matching;
  reg         several;
  wire        grants;
  wire [43:0] frame_sum;
  wire  [2:0] size_sum;
  wire  [2:0] type_sum;
  wire        hits;
  wire        small_page_refill;
  wire  [2:0] refilled;
  wire  [3:0] dropped_row;
  wire        lane_0_matched;
  wire        lane_0_granted;
  wire        lane_0_select;
  wire [43:0] lane_0_page_frame;
  wire  [2:0] lane_0_page_size;
  wire  [2:0] lane_0_page_memory_type;
  wire        lane_0_write;
  wire        lane_0_write_valid;
  wire        lane_1_matched;
  wire        lane_1_granted;
  wire        lane_1_select;
  wire [43:0] lane_1_page_frame;
  wire  [2:0] lane_1_page_size;
  wire  [2:0] lane_1_page_memory_type;
  wire        lane_1_write;
  wire        lane_1_write_valid;
  wire        lane_2_matched;
  wire        lane_2_granted;
  wire        lane_2_select;
  wire [43:0] lane_2_page_frame;
  wire  [2:0] lane_2_page_size;
  wire  [2:0] lane_2_page_memory_type;
  wire        lane_2_write;
  wire        lane_2_write_valid;
  wire  [3:0] lane_2_drop_row;
  wire  [3:0] state_ram_read_address;
  wire        state_ram_read_data;
  wire        state_ram_write_enable;
  wire  [3:0] state_ram_write_address;
  wire        state_ram_write_data;
  wire  [1:0] victim_matching;
  wire        victim_hit;
  wire        victim_refill;
  wire  [1:0] victim_refilled;
  wire        victim_touches;
  wire        victim_next_state;

  always @* begin
    matching = 3'd0;
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
  end

  assign grants = (lane_0_matched && lane_0_granted)
                  || (lane_1_matched && lane_1_granted)
                  || (lane_2_matched && lane_2_granted);
  assign frame_sum = lane_0_page_frame | lane_1_page_frame | lane_2_page_frame;
  assign size_sum = lane_0_page_size | lane_1_page_size | lane_2_page_size;
  assign type_sum = lane_0_page_memory_type | lane_1_page_memory_type | lane_2_page_memory_type;
  assign lane_0_select = lane_0_matched && !look_up_walker_answers;
  assign lane_1_select = lane_1_matched && !look_up_walker_answers;
  assign lane_2_select = lane_2_matched && !look_up_walker_answers;
  assign hits = grants && !several;
  assign look_up_hit = hits;
  assign look_up_page_frame = frame_sum;
  assign look_up_page_size = size_sum;
  assign look_up_page_memory_type = type_sum;
  assign small_page_refill = !refill_superpage;
  assign refilled = refill_superpage ? 3'd4 : {1'b0, victim_refilled};
  assign lane_0_write = refill_valid && (refilled[0] || matching[0]);
  assign lane_0_write_valid = refilled[0];
  assign lane_1_write = refill_valid && (refilled[1] || matching[1]);
  assign lane_1_write_valid = refilled[1];
  assign lane_2_write = refill_valid && (refilled[2] || matching[2]);
  assign lane_2_write_valid = refilled[2];
  assign dropped_row = drop_by_address ? drop_vpn[3:0] : drop_row;
  assign lane_2_drop_row = drop_by_address ? drop_vpn[12:9] : drop_row;
  assign state_ram_read_address = look_up_held_vpn[3:0];
  assign victim_matching = matching[1:0];
  assign victim_hit = look_up_held && hits;
  assign victim_refill = refill_valid && small_page_refill;
  assign state_ram_write_enable = victim_touches || drop_valid;
  assign state_ram_write_data = !drop_valid && victim_next_state;
  assign state_ram_write_address = drop_valid ? dropped_row : look_up_held_vpn[3:0];

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    state_ram[initial_row] = 1'b0;
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

  pagewalk_mmu_set_tlb_lane_2 lane_2 (
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
    .drop_row(lane_2_drop_row)
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
  wire unused = &{1'b0, refill_ignored, drop_vpn[8:4], drop_vpn[26:13], drop_has_asid, drop_asid,
    drop_keep_global};
endmodule

module pagewalk_mmu_instruction (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire  [6:0] asid,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [55:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        miss_valid,
  output wire [26:0] miss_access_vpn,
  output wire        miss_access_noncanonical,
  output wire        miss_access_user,
  output wire        miss_access_store,
  output wire        miss_access_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault_kind,
  input  wire  [4:0] miss_fault_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [43:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire  [3:0] drop_row,
  input  wire [26:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire  [6:0] drop_asid,
  input  wire        drop_keep_global,
  output wire        occupied
);

  wire        pipeline_look_up_load;
  wire [26:0] pipeline_look_up_vpn;
  wire        pipeline_look_up_needs_read;
  wire        pipeline_look_up_needs_write;
  wire        pipeline_look_up_needs_execute;
  wire        pipeline_look_up_needs_dirty;
  wire        pipeline_look_up_needs_user_pages;
  wire        pipeline_look_up_needs_supervisor_pages;
  wire        pipeline_look_up_held;
  wire [26:0] pipeline_look_up_held_vpn;
  wire        pipeline_look_up_walker_answers;
  wire        set_tlb_look_up_hit;
  wire [43:0] set_tlb_look_up_page_frame;
  wire  [2:0] set_tlb_look_up_page_size;
  wire  [2:0] set_tlb_look_up_page_memory_type;

  pagewalk_mmu_instruction_pipeline pipeline (
    .clock(clock),
    .reset(reset),
    .blocked(blocked),
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
    .miss_access_vpn(miss_access_vpn),
    .miss_access_noncanonical(miss_access_noncanonical),
    .miss_access_user(miss_access_user),
    .miss_access_store(miss_access_store),
    .miss_access_fetch(miss_access_fetch),
    .miss_done(miss_done),
    .miss_for_fetch(miss_for_fetch),
    .miss_taken(miss_taken),
    .miss_fault_kind(miss_fault_kind),
    .miss_fault_code(miss_fault_code),
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
  input  wire        mode_sum,
  input  wire        mode_mxr,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire        req_store,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [55:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        look_up_load,
  output wire [26:0] look_up_vpn,
  output wire        look_up_needs_read,
  output wire        look_up_needs_write,
  output wire        look_up_needs_execute,
  output wire        look_up_needs_dirty,
  output wire        look_up_needs_user_pages,
  output wire        look_up_needs_supervisor_pages,
  output wire        look_up_held,
  output wire [26:0] look_up_held_vpn,
  output wire        look_up_walker_answers,
  input  wire        look_up_hit,
  input  wire [43:0] look_up_page_frame,
  input  wire  [2:0] look_up_page_size,
  input  wire  [2:0] look_up_page_memory_type,
  output wire        miss_valid,
  output wire [26:0] miss_access_vpn,
  output wire        miss_access_noncanonical,
  output wire        miss_access_user,
  output wire        miss_access_store,
  output wire        miss_access_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault_kind,
  input  wire  [4:0] miss_fault_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [43:0] miss_refill_page_frame,
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
  wire        execute_grants;
  wire        user_pages;
  wire [43:0] walked_frame;
  wire [55:0] wide_frame;
  wire [55:0] wide_offset;
  wire [11:0] offset;
  wire [26:0] s1_vpn;
  wire [25:0] upper;
  wire        valid_next;
  wire        upper_all_zero_next;
  wire        upper_all_one_next;

  assign miss_access_fetch = 1'b0;
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
  assign read_grants = is_load;
  assign execute_grants = is_load && mode_mxr;
  assign user_pages = req_user || mode_sum;
  assign look_up_load = accept;
  assign look_up_vpn = req_va[38:12];
  assign look_up_needs_read = read_grants;
  assign look_up_needs_write = is_store;
  assign look_up_needs_execute = execute_grants;
  assign look_up_needs_dirty = is_store;
  assign look_up_needs_user_pages = user_pages;
  assign look_up_needs_supervisor_pages = !req_user;
  assign miss_access_store = store;
  assign resp_tag = tag;
  assign upper = req_va[63:38];
  assign upper_all_zero_next = !(|upper);
  assign upper_all_one_next = &upper;
  assign s1_vpn = va[38:12];
  assign look_up_held = checked;
  assign look_up_held_vpn = s1_vpn;
  assign look_up_walker_answers = miss_done;
  assign miss_valid = valid && !(canonical && look_up_hit);
  assign miss_access_vpn = s1_vpn;
  assign miss_access_noncanonical = !canonical;
  assign miss_access_user = user;
  assign miss_taken = takes;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = miss_done ? miss_refill_page_frame : 44'd0;
  assign resp_fault = miss_done ? miss_fault_kind : 2'd0;
  assign resp_code = miss_done ? miss_fault_code : 5'd0;
  assign resp_served = miss_done ? 2'd3 : 2'd0;
  assign resp_page = miss_done ? miss_refill_page_size : look_up_page_size;
  assign resp_memory_type = miss_done ? miss_refill_page_memory_type : look_up_page_memory_type;
  assign offset = miss_done ? ((|miss_fault_kind) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, look_up_page_frame | walked_frame};
  assign wide_offset = {44'd0, offset};
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
  input  wire  [6:0] asid,
  input  wire        mode_sum,
  input  wire        mode_mxr,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [63:0] req_va,
  input  wire        req_user,
  input  wire        req_store,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [63:0] resp_va,
  output wire [55:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        miss_valid,
  output wire [26:0] miss_access_vpn,
  output wire        miss_access_noncanonical,
  output wire        miss_access_user,
  output wire        miss_access_store,
  output wire        miss_access_fetch,
  input  wire        miss_done,
  input  wire        miss_for_fetch,
  output wire        miss_taken,
  input  wire  [1:0] miss_fault_kind,
  input  wire  [4:0] miss_fault_code,
  input  wire        miss_refill_valid,
  input  wire        miss_refill_superpage,
  input  wire  [1:0] miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [43:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire  [3:0] drop_row,
  input  wire [26:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire  [6:0] drop_asid,
  input  wire        drop_keep_global,
  output wire        occupied
);

  wire        pipeline_look_up_load;
  wire [26:0] pipeline_look_up_vpn;
  wire        pipeline_look_up_needs_read;
  wire        pipeline_look_up_needs_write;
  wire        pipeline_look_up_needs_execute;
  wire        pipeline_look_up_needs_dirty;
  wire        pipeline_look_up_needs_user_pages;
  wire        pipeline_look_up_needs_supervisor_pages;
  wire        pipeline_look_up_held;
  wire [26:0] pipeline_look_up_held_vpn;
  wire        pipeline_look_up_walker_answers;
  wire        set_tlb_look_up_hit;
  wire [43:0] set_tlb_look_up_page_frame;
  wire  [2:0] set_tlb_look_up_page_size;
  wire  [2:0] set_tlb_look_up_page_memory_type;

  pagewalk_mmu_data_pipeline pipeline (
    .clock(clock),
    .reset(reset),
    .blocked(blocked),
    .mode_sum(mode_sum),
    .mode_mxr(mode_mxr),
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
    .miss_access_vpn(miss_access_vpn),
    .miss_access_noncanonical(miss_access_noncanonical),
    .miss_access_user(miss_access_user),
    .miss_access_store(miss_access_store),
    .miss_access_fetch(miss_access_fetch),
    .miss_done(miss_done),
    .miss_for_fetch(miss_for_fetch),
    .miss_taken(miss_taken),
    .miss_fault_kind(miss_fault_kind),
    .miss_fault_code(miss_fault_code),
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
  input  wire [26:0] data_access_vpn,
  input  wire        data_access_noncanonical,
  input  wire        data_access_user,
  input  wire        data_access_store,
  input  wire        data_access_fetch,
  output wire        data_done,
  output wire        data_for_fetch,
  input  wire        data_taken,
  output wire  [1:0] data_fault_kind,
  output wire  [4:0] data_fault_code,
  output wire        data_refill_valid,
  output wire        data_refill_superpage,
  output wire  [1:0] data_refill_ignored,
  output wire  [4:0] data_refill_tag_rights,
  output wire        data_refill_tag_global,
  output wire [43:0] data_refill_page_frame,
  output wire  [2:0] data_refill_page_size,
  output wire  [2:0] data_refill_page_memory_type,
  input  wire        instruction_valid,
  input  wire [26:0] instruction_access_vpn,
  input  wire        instruction_access_noncanonical,
  input  wire        instruction_access_user,
  input  wire        instruction_access_store,
  input  wire        instruction_access_fetch,
  output wire        instruction_done,
  output wire        instruction_for_fetch,
  input  wire        instruction_taken,
  output wire  [1:0] instruction_fault_kind,
  output wire  [4:0] instruction_fault_code,
  output wire        instruction_refill_valid,
  output wire        instruction_refill_superpage,
  output wire  [1:0] instruction_refill_ignored,
  output wire  [4:0] instruction_refill_tag_rights,
  output wire        instruction_refill_tag_global,
  output wire [43:0] instruction_refill_page_frame,
  output wire  [2:0] instruction_refill_page_size,
  output wire  [2:0] instruction_refill_page_memory_type,
  output wire        to_valid,
  output wire [26:0] to_access_vpn,
  output wire        to_access_noncanonical,
  output wire        to_access_user,
  output wire        to_access_store,
  output wire        to_access_fetch,
  input  wire        to_done,
  input  wire        to_for_fetch,
  output wire        to_taken,
  input  wire  [1:0] to_fault_kind,
  input  wire  [4:0] to_fault_code,
  input  wire        to_refill_valid,
  input  wire        to_refill_superpage,
  input  wire  [1:0] to_refill_ignored,
  input  wire  [4:0] to_refill_tag_rights,
  input  wire        to_refill_tag_global,
  input  wire [43:0] to_refill_page_frame,
  input  wire  [2:0] to_refill_page_size,
  input  wire  [2:0] to_refill_page_memory_type
);

  assign to_valid = data_valid || instruction_valid;
  assign to_access_vpn = data_valid ? data_access_vpn : instruction_access_vpn;
  assign to_access_noncanonical = data_valid
                                  ? data_access_noncanonical
                                  : instruction_access_noncanonical;
  assign to_access_user = data_valid ? data_access_user : instruction_access_user;
  assign to_access_store = data_valid ? data_access_store : instruction_access_store;
  assign to_access_fetch = data_valid ? data_access_fetch : instruction_access_fetch;
  assign instruction_done = to_done && to_for_fetch;
  assign instruction_for_fetch = to_for_fetch;
  assign to_taken = to_for_fetch ? instruction_taken : data_taken;
  assign instruction_fault_kind = to_fault_kind;
  assign instruction_fault_code = to_fault_code;
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
  assign data_fault_kind = to_fault_kind;
  assign data_fault_code = to_fault_code;
  assign data_done = to_done && !to_for_fetch;
endmodule

module pagewalk_mmu_walker_verdict (
  input  wire [63:0] entry,
  input  wire  [1:0] level,
  input  wire        bus_error,
  input  wire        without_reads,
  input  wire [26:0] access_vpn,
  input  wire        access_noncanonical,
  input  wire        access_user,
  input  wire        access_store,
  input  wire        access_fetch,
  input  wire        upper_writable,
  input  wire        upper_user,
  input  wire        upper_executable,
  input  wire        upper_global,
  input  wire        mode_sum,
  input  wire        mode_mxr,
  input  wire        mode_adue,
  input  wire        mode_svnapot,
  input  wire        mode_pbmte,
  output wire        updates,
  output wire [63:0] updated,
  output wire        succeeds,
  output wire  [1:0] fault_kind,
  output wire  [4:0] fault_code,
  output wire [43:0] page_frame,
  output wire  [2:0] page_size,
  output wire  [2:0] page_memory_type,
  output wire        cacheable,
  output wire        superpage,
  output wire  [4:0] tag_rights,
  output wire        tag_global,
  output wire  [1:0] ignored
);

  localparam [63:0] ACCESSED_BIT = 64'h40;
  localparam [63:0] ACCESSED_DIRTY_BITS = 64'hc0;
  localparam [63:0] RESERVED_MASK = 64'h1fc0000000000000;

  wire [63:0] pte;
  wire        at_bottom;
  wire        present;
  wire        leaf;
  reg         invalid;
  reg         misaligned;
  wire        napot;
  wire  [1:0] pbmt;
  wire        can_read;
  wire        can_write;
  wire        can_execute;
  wire        for_user;
  wire        accessed;
  wire        dirty;
  wire        permitted;
  wire        stale;
  reg         page_fault;
  reg         access_fault;
  reg         needs_update;
  wire        ok;
  wire [43:0] leaf_frame;
  wire [43:0] low_bits;
  wire [43:0] vpn_frame;
  wire  [2:0] size_bits;
  wire  [2:0] type_bits;
  reg   [4:0] code_bits;
  reg   [4:0] rights_bits;

  assign cacheable = 1'b1;
  assign pte = entry;
  assign at_bottom = level == 2'd0;
  assign present = pte[0];
  assign leaf = can_read || can_execute;

  always @* begin
    invalid = !present || (!can_read && can_write) || (|(pte & RESERVED_MASK));
    if ((napot && !mode_svnapot) || ((|pbmt) && !mode_pbmte) || (pbmt == 2'd3)) invalid = 1'b1;
  end

  always @* begin
    misaligned = 1'b0;
    if ((level == 2'd1) && (|(pte & 64'h7fc00))) misaligned = 1'b1;
    if ((level == 2'd2) && (|(pte & 64'hffffc00))) misaligned = 1'b1;
    if (napot && (!at_bottom || (pte[13:10] != 4'd8))) misaligned = 1'b1;
  end

  assign napot = pte[63];
  assign pbmt = pte[62:61];
  assign can_read = pte[1];
  assign can_write = pte[2];
  assign can_execute = pte[3];
  assign for_user = pte[4];
  assign accessed = pte[6];
  assign dirty = pte[7];
  assign permitted = ((access_fetch && can_execute)
                      || (access_store && can_write)
                      || (!access_fetch
                          && !access_store
                          && (can_read || (can_execute && mode_mxr))))
                     && ((for_user && (access_user || (!access_fetch && mode_sum)))
                         || (!for_user && !access_user));
  assign tag_global = upper_global || pte[5];

  always @* begin
    page_fault = 1'b0;
    access_fault = bus_error;
    needs_update = 1'b0;
    if (without_reads) begin
      page_fault = 1'b1;
    end else if (!bus_error) begin
      if (invalid) begin
        page_fault = 1'b1;
      end else if (leaf) begin
        if (misaligned || !permitted || (stale && !mode_adue)) begin
          page_fault = 1'b1;
        end else begin
          access_fault = 1'b0;
          needs_update = stale;
        end
      end else if (at_bottom || accessed || dirty || for_user || napot || (|pbmt)) begin
        page_fault = 1'b1;
      end else begin
        access_fault = 1'b1;
      end
    end
  end

  always @* begin
    code_bits = 5'd0;
    if (page_fault) begin
      code_bits = 5'hd;
      if (access_fetch) code_bits = 5'hc;
      if (access_store) code_bits = 5'hf;
    end
    if (access_fault) begin
      code_bits = 5'd5;
      if (access_fetch) code_bits = 5'd1;
      if (access_store) code_bits = 5'd7;
    end
  end

  assign type_bits = {1'b0, pbmt};
  assign leaf_frame = pte[53:10];
  assign stale = !accessed || (access_store && !dirty);
  assign low_bits = napot ? 44'hf : (level == 2'd2) ? 44'h3ffff : (level == 2'd1) ? 44'h1ff : 44'd0;
  assign size_bits = napot ? 3'd5 : {1'b0, level};
  assign ignored = (level == 2'd2) ? 2'd3 : (level == 2'd1) ? 2'd1 : 2'd0;
  assign vpn_frame = {17'd0, access_vpn};
  assign ok = !page_fault && !access_fault && !needs_update;
  assign succeeds = ok;
  assign superpage = !at_bottom;
  assign page_frame = ok ? (leaf_frame & ~low_bits) | (vpn_frame & low_bits) : 44'd0;
  assign page_size = ok ? size_bits : 3'd0;
  assign page_memory_type = ok ? type_bits : 3'd0;

  always @* begin
    rights_bits = 5'd0;
    rights_bits[0] = can_read;
    rights_bits[1] = can_write;
    rights_bits[2] = can_execute;
    rights_bits[3] = for_user;
    rights_bits[4] = dirty;
  end

  assign tag_rights = rights_bits;
  assign fault_kind = access_fault ? 2'd2 : page_fault ? 2'd1 : 2'd0;
  assign fault_code = code_bits;
  assign updates = needs_update;
  assign updated = (access_store && leaf) ? pte | ACCESSED_DIRTY_BITS : pte | ACCESSED_BIT;

  // Read by nothing.
  wire unused = &{1'b0, access_noncanonical, upper_writable, upper_user, upper_executable};
endmodule

module pagewalk_mmu_walker (
  input  wire        clock,
  input  wire        reset,
  input  wire        miss_valid,
  input  wire [26:0] miss_access_vpn,
  input  wire        miss_access_noncanonical,
  input  wire        miss_access_user,
  input  wire        miss_access_store,
  input  wire        miss_access_fetch,
  output wire        miss_done,
  output wire        miss_for_fetch,
  input  wire        miss_taken,
  output wire  [1:0] miss_fault_kind,
  output wire  [4:0] miss_fault_code,
  output wire        miss_refill_valid,
  output wire        miss_refill_superpage,
  output wire  [1:0] miss_refill_ignored,
  output wire  [4:0] miss_refill_tag_rights,
  output wire        miss_refill_tag_global,
  output wire [43:0] miss_refill_page_frame,
  output wire  [2:0] miss_refill_page_size,
  output wire  [2:0] miss_refill_page_memory_type,
  input  wire [43:0] root,
  input  wire        mode_sum,
  input  wire        mode_mxr,
  input  wire        mode_adue,
  input  wire        mode_svnapot,
  input  wire        mode_pbmte,
  output wire        report_idle,
  output wire        report_fetch,
  output wire [26:0] report_vpn,
  output wire        report_page_fault,
  output wire        report_refill,
  output wire  [2:0] report_page_size,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [55:0] mem_req_address,
  output wire        mem_req_swap,
  output wire [63:0] mem_req_expected,
  output wire [63:0] mem_req_new,
  output wire        mem_req_port,
  input  wire        mem_resp_valid,
  input  wire [63:0] mem_resp_data,
  input  wire        mem_resp_error
);

  localparam [6:0] ENTRY_SHIFT = 7'd3;
  localparam [1:0] FIRST_LEVEL = 2'd2;
  localparam [63:0] POINTER_VALUE = 64'd1;
  localparam [63:0] POINTER_MASK = 64'hffc00000000000df;

  reg        idle;
  reg        look;
  reg        request;
  reg        waiting;
  reg        check;
  reg        done;
  reg        swap;
  reg [26:0] access_vpn;
  reg        access_noncanonical;
  reg        access_user;
  reg        access_store;
  reg        access_fetch;
  reg  [1:0] level;
  reg [43:0] table_frame;
  reg  [8:0] index;
  reg [63:0] entry;
  reg        bus_error;
  reg        without_reads;
  reg        upper_writable;
  reg        upper_user;
  reg        upper_executable;
  reg        upper_global;
  reg [43:0] page_frame;
  reg  [2:0] page_size;
  reg  [2:0] page_memory_type;
  reg  [1:0] fault_kind;
  reg  [4:0] fault_code;

  wire        verdict_at_look;
  wire [43:0] first_table;
  wire  [8:0] first_index;
  wire [43:0] next_table;
  wire  [8:0] next_index;
  wire [63:0] answer;
  wire        answered;
  wire        descend;
  wire        step;
  wire  [1:0] at_level;
  wire        updates;
  wire        refills;
  wire [55:0] wide_table;
  wire [55:0] wide_index;
  wire        idle_next;
  wire        look_next;
  reg         request_next;
  wire        waiting_next;
  wire        check_next;
  wire        done_next;
  wire        swap_next;
  wire  [1:0] level_next;
  wire [43:0] table_frame_next;
  wire  [8:0] index_next;
  wire [63:0] entry_next;
  wire        entry_en;
  wire        bus_error_next;
  wire        bus_error_en;
  wire        upper_global_next;
  wire        verdict_succeeds;
  wire  [1:0] verdict_fault_kind;
  wire  [4:0] verdict_fault_code;
  wire [43:0] verdict_page_frame;
  wire  [2:0] verdict_page_memory_type;
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
  assign miss_for_fetch = access_fetch;
  assign verdict_at_look = access_noncanonical;
  assign first_table = root;
  assign first_index = access_vpn[26:18];
  assign answer = mem_resp_data;
  assign at_level = level;
  assign descend = ((answer & POINTER_MASK) == POINTER_VALUE)
                   && (at_level != 2'd0)
                   && !mem_resp_error;
  assign next_table = answer[53:10];
  assign next_index = (at_level == 2'd2)
                      ? access_vpn[17:9]
                      : (at_level == 2'd1) ? access_vpn[8:0] : 9'd0;
  assign step = look || (answered && descend);
  assign level_next = look ? FIRST_LEVEL : at_level - 2'd1;
  assign table_frame_next = look ? first_table : next_table;
  assign index_next = look ? first_index : next_index;
  assign entry_en = look || answered;
  assign entry_next = look ? 64'd0 : answer;
  assign bus_error_en = look || answered;
  assign bus_error_next = answered && mem_resp_error;
  assign upper_global_next = !look && (upper_global || answer[5]);
  assign wide_table = {12'd0, table_frame};
  assign wide_index = {47'd0, index};
  assign mem_req_valid = request;
  assign mem_req_address = (wide_table << 12) | (wide_index << ENTRY_SHIFT);
  assign mem_req_swap = swap;
  assign mem_req_expected = entry;
  assign mem_req_port = access_fetch;
  assign refills = check && verdict_succeeds && verdict_cacheable;
  assign miss_refill_valid = refills;
  assign report_idle = idle;
  assign report_fetch = access_fetch;
  assign report_vpn = access_vpn;
  assign report_page_fault = check && (verdict_fault_kind == 2'd1);
  assign report_refill = refills;
  assign miss_refill_page_frame = page_frame;
  assign miss_refill_page_size = page_size;
  assign miss_refill_page_memory_type = page_memory_type;
  assign miss_fault_kind = fault_kind;
  assign miss_fault_code = fault_code;

  pagewalk_mmu_walker_verdict verdict (
    .entry(entry),
    .level(level),
    .bus_error(bus_error),
    .without_reads(without_reads),
    .access_vpn(access_vpn),
    .access_noncanonical(access_noncanonical),
    .access_user(access_user),
    .access_store(access_store),
    .access_fetch(access_fetch),
    .upper_writable(upper_writable),
    .upper_user(upper_user),
    .upper_executable(upper_executable),
    .upper_global(upper_global),
    .mode_sum(mode_sum),
    .mode_mxr(mode_mxr),
    .mode_adue(mode_adue),
    .mode_svnapot(mode_svnapot),
    .mode_pbmte(mode_pbmte),
    .updates(updates),
    .updated(mem_req_new),
    .succeeds(verdict_succeeds),
    .fault_kind(verdict_fault_kind),
    .fault_code(verdict_fault_code),
    .page_frame(verdict_page_frame),
    .page_size(report_page_size),
    .page_memory_type(verdict_page_memory_type),
    .cacheable(verdict_cacheable),
    .superpage(miss_refill_superpage),
    .tag_rights(miss_refill_tag_rights),
    .tag_global(miss_refill_tag_global),
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
    access_vpn = 27'd0;
    access_noncanonical = 1'b0;
    access_user = 1'b0;
    access_store = 1'b0;
    access_fetch = 1'b0;
    level = 2'd0;
    table_frame = 44'd0;
    index = 9'd0;
    entry = 64'd0;
    bus_error = 1'b0;
    without_reads = 1'b0;
    upper_writable = 1'b0;
    upper_user = 1'b0;
    upper_executable = 1'b0;
    upper_global = 1'b0;
    page_frame = 44'd0;
    page_size = 3'd0;
    page_memory_type = 3'd0;
    fault_kind = 2'd0;
    fault_code = 5'd0;
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
      access_vpn <= miss_access_vpn;
      access_noncanonical <= miss_access_noncanonical;
      access_user <= miss_access_user;
      access_store <= miss_access_store;
      access_fetch <= miss_access_fetch;
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
      upper_writable <= look;
      upper_user <= look;
      upper_executable <= look;
      upper_global <= upper_global_next;
    end
    if (check) begin
      page_frame <= verdict_page_frame;
      page_size <= report_page_size;
      page_memory_type <= verdict_page_memory_type;
      fault_kind <= verdict_fault_kind;
      fault_code <= verdict_fault_code;
    end
  end
endmodule

module pagewalk_mmu_bus (
  input  wire        clock,
  input  wire        reset,
  input  wire        from_valid,
  output wire        from_ready,
  input  wire [55:0] from_address,
  input  wire        from_swap,
  input  wire [63:0] from_expected,
  input  wire [63:0] from_new,
  input  wire        from_port,
  output wire        back_valid,
  output wire [63:0] back_data,
  output wire        back_error,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [55:0] mem_req_address,
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
  input  wire  [6:0] fence_asid,
  input  wire        fence_keep_global,
  input  wire  [6:0] asid,
  input  wire        data_occupied,
  input  wire        instruction_occupied,
  input  wire        walk_idle,
  input  wire        walk_fetch,
  input  wire [26:0] walk_vpn,
  input  wire        walk_page_fault,
  input  wire        walk_refill,
  input  wire  [2:0] walk_page_size,
  output wire        drop_valid,
  output wire        drop_by_address,
  output wire  [3:0] drop_row,
  output wire [26:0] drop_vpn,
  output wire        drop_has_asid,
  output wire  [6:0] drop_asid,
  output wire        drop_keep_global,
  output wire        blocks,
  output wire        busy
);

  localparam [2:0] DATA_WHOLE = 3'd1;
  localparam [2:0] FETCH_WHOLE = 3'd1;
  localparam [3:0] LAST_ROW = 4'd15;

  reg        pending;
  reg        has_va;
  reg [26:0] vpn;
  reg        has_asid;
  reg  [6:0] flush_asid;
  reg        keep_global;
  reg        split;
  reg  [3:0] row;

  wire        fence_taken;
  wire        widened;
  wire        loads;
  wire        idle;
  wire        carried_out;
  wire        finishes;
  wire        by_address;
  wire        splits;
  wire        pending_next;
  wire        has_va_next;
  wire [26:0] vpn_next;
  wire        has_asid_next;
  wire        keep_global_next;
  wire        split_next;
  wire  [3:0] row_next;

  assign fence_ready = !pending;
  assign fence_taken = fence_valid && !pending;
  assign widened = reset;
  assign loads = fence_taken || reset;
  assign has_va_next = fence_has_va && !widened;
  assign vpn_next = fence_va[38:12];
  assign keep_global_next = fence_keep_global && !widened;
  assign has_asid_next = fence_has_asid && !widened;
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
    vpn = 27'd0;
    has_asid = 1'b0;
    flush_asid = 7'd0;
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
      flush_asid <= fence_asid;
      keep_global <= keep_global_next;
    end
    split <= split_next;
    row <= row_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, fence_va[11:0], fence_va[63:39], asid, walk_vpn, walk_page_fault};
endmodule

module pagewalk_mmu (
  input  wire        clock,
  input  wire        reset,
  input  wire [43:0] root,
  input  wire  [6:0] asid,
  input  wire        mode_sum,
  input  wire        mode_mxr,
  input  wire        mode_adue,
  input  wire        mode_svnapot,
  input  wire        mode_pbmte,
  input  wire        fence_valid,
  output wire        fence_ready,
  input  wire        fence_has_va,
  input  wire [63:0] fence_va,
  input  wire        fence_has_asid,
  input  wire  [6:0] fence_asid,
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
  output wire [55:0] iresp_pa,
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
  output wire [55:0] dresp_pa,
  output wire  [1:0] dresp_fault,
  output wire  [4:0] dresp_code,
  output wire  [2:0] dresp_page,
  output wire  [2:0] dresp_memory_type,
  output wire  [1:0] dresp_served,
  output wire  [3:0] dresp_tag,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [55:0] mem_req_address,
  output wire        mem_req_swap,
  output wire [63:0] mem_req_expected,
  output wire [63:0] mem_req_new,
  output wire        mem_req_port,
  input  wire        mem_resp_valid,
  input  wire [63:0] mem_resp_data,
  input  wire        mem_resp_error
);

  wire        instruction_miss_valid;
  wire [26:0] instruction_miss_access_vpn;
  wire        instruction_miss_access_noncanonical;
  wire        instruction_miss_access_user;
  wire        instruction_miss_access_store;
  wire        instruction_miss_access_fetch;
  wire        instruction_miss_taken;
  wire        instruction_occupied;
  wire        data_miss_valid;
  wire [26:0] data_miss_access_vpn;
  wire        data_miss_access_noncanonical;
  wire        data_miss_access_user;
  wire        data_miss_access_store;
  wire        data_miss_access_fetch;
  wire        data_miss_taken;
  wire        data_occupied;
  wire        misses_data_done;
  wire        misses_data_for_fetch;
  wire  [1:0] misses_data_fault_kind;
  wire  [4:0] misses_data_fault_code;
  wire        misses_data_refill_valid;
  wire        misses_data_refill_superpage;
  wire  [1:0] misses_data_refill_ignored;
  wire  [4:0] misses_data_refill_tag_rights;
  wire        misses_data_refill_tag_global;
  wire [43:0] misses_data_refill_page_frame;
  wire  [2:0] misses_data_refill_page_size;
  wire  [2:0] misses_data_refill_page_memory_type;
  wire        misses_instruction_done;
  wire        misses_instruction_for_fetch;
  wire  [1:0] misses_instruction_fault_kind;
  wire  [4:0] misses_instruction_fault_code;
  wire        misses_instruction_refill_valid;
  wire        misses_instruction_refill_superpage;
  wire  [1:0] misses_instruction_refill_ignored;
  wire  [4:0] misses_instruction_refill_tag_rights;
  wire        misses_instruction_refill_tag_global;
  wire [43:0] misses_instruction_refill_page_frame;
  wire  [2:0] misses_instruction_refill_page_size;
  wire  [2:0] misses_instruction_refill_page_memory_type;
  wire        misses_to_valid;
  wire [26:0] misses_to_access_vpn;
  wire        misses_to_access_noncanonical;
  wire        misses_to_access_user;
  wire        misses_to_access_store;
  wire        misses_to_access_fetch;
  wire        misses_to_taken;
  wire        walker_miss_done;
  wire        walker_miss_for_fetch;
  wire  [1:0] walker_miss_fault_kind;
  wire  [4:0] walker_miss_fault_code;
  wire        walker_miss_refill_valid;
  wire        walker_miss_refill_superpage;
  wire  [1:0] walker_miss_refill_ignored;
  wire  [4:0] walker_miss_refill_tag_rights;
  wire        walker_miss_refill_tag_global;
  wire [43:0] walker_miss_refill_page_frame;
  wire  [2:0] walker_miss_refill_page_size;
  wire  [2:0] walker_miss_refill_page_memory_type;
  wire        walker_report_idle;
  wire        walker_report_fetch;
  wire [26:0] walker_report_vpn;
  wire        walker_report_page_fault;
  wire        walker_report_refill;
  wire  [2:0] walker_report_page_size;
  wire        walker_mem_req_valid;
  wire [55:0] walker_mem_req_address;
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
  wire [26:0] fences_drop_vpn;
  wire        fences_drop_has_asid;
  wire  [6:0] fences_drop_asid;
  wire        fences_drop_keep_global;
  wire        fences_blocks;

  pagewalk_mmu_instruction instruction (
    .clock(clock),
    .reset(reset),
    .blocked(fences_blocks),
    .asid(asid),
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
    .miss_access_vpn(instruction_miss_access_vpn),
    .miss_access_noncanonical(instruction_miss_access_noncanonical),
    .miss_access_user(instruction_miss_access_user),
    .miss_access_store(instruction_miss_access_store),
    .miss_access_fetch(instruction_miss_access_fetch),
    .miss_done(misses_instruction_done),
    .miss_for_fetch(misses_instruction_for_fetch),
    .miss_taken(instruction_miss_taken),
    .miss_fault_kind(misses_instruction_fault_kind),
    .miss_fault_code(misses_instruction_fault_code),
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
    .mode_sum(mode_sum),
    .mode_mxr(mode_mxr),
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
    .miss_access_vpn(data_miss_access_vpn),
    .miss_access_noncanonical(data_miss_access_noncanonical),
    .miss_access_user(data_miss_access_user),
    .miss_access_store(data_miss_access_store),
    .miss_access_fetch(data_miss_access_fetch),
    .miss_done(misses_data_done),
    .miss_for_fetch(misses_data_for_fetch),
    .miss_taken(data_miss_taken),
    .miss_fault_kind(misses_data_fault_kind),
    .miss_fault_code(misses_data_fault_code),
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
    .data_access_vpn(data_miss_access_vpn),
    .data_access_noncanonical(data_miss_access_noncanonical),
    .data_access_user(data_miss_access_user),
    .data_access_store(data_miss_access_store),
    .data_access_fetch(data_miss_access_fetch),
    .data_done(misses_data_done),
    .data_for_fetch(misses_data_for_fetch),
    .data_taken(data_miss_taken),
    .data_fault_kind(misses_data_fault_kind),
    .data_fault_code(misses_data_fault_code),
    .data_refill_valid(misses_data_refill_valid),
    .data_refill_superpage(misses_data_refill_superpage),
    .data_refill_ignored(misses_data_refill_ignored),
    .data_refill_tag_rights(misses_data_refill_tag_rights),
    .data_refill_tag_global(misses_data_refill_tag_global),
    .data_refill_page_frame(misses_data_refill_page_frame),
    .data_refill_page_size(misses_data_refill_page_size),
    .data_refill_page_memory_type(misses_data_refill_page_memory_type),
    .instruction_valid(instruction_miss_valid),
    .instruction_access_vpn(instruction_miss_access_vpn),
    .instruction_access_noncanonical(instruction_miss_access_noncanonical),
    .instruction_access_user(instruction_miss_access_user),
    .instruction_access_store(instruction_miss_access_store),
    .instruction_access_fetch(instruction_miss_access_fetch),
    .instruction_done(misses_instruction_done),
    .instruction_for_fetch(misses_instruction_for_fetch),
    .instruction_taken(instruction_miss_taken),
    .instruction_fault_kind(misses_instruction_fault_kind),
    .instruction_fault_code(misses_instruction_fault_code),
    .instruction_refill_valid(misses_instruction_refill_valid),
    .instruction_refill_superpage(misses_instruction_refill_superpage),
    .instruction_refill_ignored(misses_instruction_refill_ignored),
    .instruction_refill_tag_rights(misses_instruction_refill_tag_rights),
    .instruction_refill_tag_global(misses_instruction_refill_tag_global),
    .instruction_refill_page_frame(misses_instruction_refill_page_frame),
    .instruction_refill_page_size(misses_instruction_refill_page_size),
    .instruction_refill_page_memory_type(misses_instruction_refill_page_memory_type),
    .to_valid(misses_to_valid),
    .to_access_vpn(misses_to_access_vpn),
    .to_access_noncanonical(misses_to_access_noncanonical),
    .to_access_user(misses_to_access_user),
    .to_access_store(misses_to_access_store),
    .to_access_fetch(misses_to_access_fetch),
    .to_done(walker_miss_done),
    .to_for_fetch(walker_miss_for_fetch),
    .to_taken(misses_to_taken),
    .to_fault_kind(walker_miss_fault_kind),
    .to_fault_code(walker_miss_fault_code),
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
    .miss_access_vpn(misses_to_access_vpn),
    .miss_access_noncanonical(misses_to_access_noncanonical),
    .miss_access_user(misses_to_access_user),
    .miss_access_store(misses_to_access_store),
    .miss_access_fetch(misses_to_access_fetch),
    .miss_done(walker_miss_done),
    .miss_for_fetch(walker_miss_for_fetch),
    .miss_taken(misses_to_taken),
    .miss_fault_kind(walker_miss_fault_kind),
    .miss_fault_code(walker_miss_fault_code),
    .miss_refill_valid(walker_miss_refill_valid),
    .miss_refill_superpage(walker_miss_refill_superpage),
    .miss_refill_ignored(walker_miss_refill_ignored),
    .miss_refill_tag_rights(walker_miss_refill_tag_rights),
    .miss_refill_tag_global(walker_miss_refill_tag_global),
    .miss_refill_page_frame(walker_miss_refill_page_frame),
    .miss_refill_page_size(walker_miss_refill_page_size),
    .miss_refill_page_memory_type(walker_miss_refill_page_memory_type),
    .root(root),
    .mode_sum(mode_sum),
    .mode_mxr(mode_mxr),
    .mode_adue(mode_adue),
    .mode_svnapot(mode_svnapot),
    .mode_pbmte(mode_pbmte),
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
