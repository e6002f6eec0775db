// pagewalk_mmu: memory management unit, x86-pae, 32 virtual and 52 physical address bits
//
// ASID bits 0, tag bits 4
// instruction TLB: 8 fully associative entries of any page size, tree-PLRU
// data TLB: 8 fully associative entries of any page size, tree-PLRU
//
// Ports are valid/ready handshakes, `valid` never waits for `ready`. A hit is answered in the cycle after the
// request; a walk of n reads at memory latency L in 4 + n (1 + L) cycles. root, asid, pdpte_* and mode_* may
// change only while `busy` is low. Memory answers a compare-and-swap with the value it holds afterwards.
//
// Written by pagewalk 0.1.0: pagewalk emit --format x86-pae --preset associative

`default_nettype none

module pagewalk_mmu_instruction_pipeline (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire        mode_smep,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [31:0] req_va,
  input  wire        req_user,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [31:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        look_up_load,
  output wire [19:0] look_up_vpn,
  output wire        look_up_needs_read,
  output wire        look_up_needs_write,
  output wire        look_up_needs_execute,
  output wire        look_up_needs_dirty,
  output wire        look_up_needs_user_pages,
  output wire        look_up_needs_supervisor_pages,
  output wire        look_up_held,
  output wire [19:0] look_up_held_vpn,
  output wire        look_up_walker_answers,
  input  wire        look_up_hit,
  input  wire [39:0] look_up_page_frame,
  input  wire  [2:0] look_up_page_size,
  input  wire  [2:0] look_up_page_memory_type,
  output wire        miss_valid,
  output wire [19:0] miss_access_vpn,
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
  input  wire        miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  output wire        occupied
);

  reg        valid;
  reg [31:0] va;
  reg        user;
  reg  [3:0] tag;

  wire        accept;
  wire        checked;
  wire        answered;
  wire        takes;
  wire        ready;
  wire        user_pages;
  wire [39:0] walked_frame;
  wire [51:0] wide_frame;
  wire [51:0] wide_offset;
  wire [11:0] offset;
  wire [19:0] s1_vpn;
  wire        valid_next;

  assign look_up_needs_read = 1'b0;
  assign look_up_needs_write = 1'b0;
  assign look_up_needs_execute = 1'b1;
  assign look_up_needs_dirty = 1'b0;
  assign miss_access_noncanonical = 1'b0;
  assign miss_access_store = 1'b0;
  assign miss_access_fetch = 1'b1;
  assign checked = valid;
  assign answered = (checked && look_up_hit) || miss_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign occupied = valid;
  assign user_pages = req_user || !mode_smep;
  assign look_up_load = accept;
  assign look_up_vpn = req_va[31:12];
  assign look_up_needs_user_pages = user_pages;
  assign look_up_needs_supervisor_pages = !req_user;
  assign resp_tag = tag;
  assign s1_vpn = va[31:12];
  assign look_up_held = checked;
  assign look_up_held_vpn = s1_vpn;
  assign look_up_walker_answers = miss_done;
  assign miss_valid = valid && !look_up_hit;
  assign miss_access_vpn = s1_vpn;
  assign miss_access_user = user;
  assign miss_taken = takes;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = miss_done ? miss_refill_page_frame : 40'd0;
  assign resp_fault = miss_done ? miss_fault_kind : 2'd0;
  assign resp_code = miss_done ? miss_fault_code : 5'd0;
  assign resp_served = miss_done ? 2'd3 : 2'd0;
  assign resp_page = miss_done ? miss_refill_page_size : look_up_page_size;
  assign resp_memory_type = miss_done ? miss_refill_page_memory_type : look_up_page_memory_type;
  assign offset = miss_done ? ((|miss_fault_kind) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, look_up_page_frame | walked_frame};
  assign wide_offset = {40'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  initial begin
    valid = 1'b0;
    va = 32'd0;
    user = 1'b0;
    tag = 4'd0;
  end

  always @(posedge clock) begin
    valid <= valid_next;
    if (accept) begin
      va <= req_va;
      user <= req_user;
      tag <= req_tag;
    end
  end

  // Read by nothing.
  wire unused = &{1'b0, miss_for_fetch, miss_refill_valid, miss_refill_superpage,
    miss_refill_ignored, miss_refill_tag_rights, miss_refill_tag_global};
endmodule

module pagewalk_mmu_full_tlb_entry_judge (
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

module pagewalk_mmu_full_tlb_entry (
  input  wire        clock,
  input  wire        load,
  input  wire [19:0] vpn,
  input  wire        needs_read,
  input  wire        needs_write,
  input  wire        needs_execute,
  input  wire        needs_dirty,
  input  wire        needs_user_pages,
  input  wire        needs_supervisor_pages,
  output wire        matched,
  output wire        granted,
  output wire        ignored,
  input  wire        write,
  input  wire        write_valid,
  input  wire [19:0] write_vpn,
  input  wire  [4:0] write_tag_rights,
  input  wire        write_tag_global,
  input  wire        write_ignored,
  input  wire        fence,
  input  wire        fence_by_address,
  input  wire        fence_has_asid,
  input  wire        fence_keep_global
);

  reg        valid;
  reg [19:0] tag;
  reg        is_global;
  reg  [4:0] rights;
  reg        levels_ignored;
  reg        matched_held;
  reg        granted_held;

  wire        own_ignored;
  wire [19:0] ignored_bits;
  wire        page_equal;
  reg         valid_next;
  wire        matched_held_next;
  wire        judge_suffice;

  assign own_ignored = levels_ignored;
  assign ignored_bits = own_ignored ? 20'h1ff : 20'd0;
  assign page_equal = ((tag ^ vpn) & ~ignored_bits) == 20'd0;
  assign matched_held_next = valid && page_equal;
  assign matched = matched_held;
  assign granted = granted_held;
  assign ignored = levels_ignored;

  always @* begin
    valid_next = valid;
    if (write) valid_next = write_valid;
    if (fence && (!fence_by_address || page_equal) && (!fence_keep_global || !is_global)) begin
      valid_next = 1'b0;
    end
  end

  pagewalk_mmu_full_tlb_entry_judge judge (
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
    valid = 1'b0;
    tag = 20'd0;
    is_global = 1'b0;
    rights = 5'd0;
    levels_ignored = 1'b0;
    matched_held = 1'b0;
    granted_held = 1'b0;
  end

  always @(posedge clock) begin
    valid <= valid_next;
    if (write) begin
      tag <= write_vpn;
      is_global <= write_tag_global;
      rights <= write_tag_rights;
      levels_ignored <= write_ignored;
    end
    if (load) begin
      matched_held <= matched_held_next;
      granted_held <= judge_suffice;
    end
  end

  // Read by nothing.
  wire unused = &{1'b0, fence_has_asid};
endmodule

module pagewalk_mmu_full_tlb_victim (
  input  wire [6:0] state,
  input  wire [7:0] matching,
  input  wire       hit,
  input  wire       refill,
  output wire [7:0] refilled,
  output wire       touches,
  output wire [6:0] next_state
);

  wire       in_place;
  reg  [7:0] victims;
  reg  [7:0] chosen;
  wire [7:0] touched;
  reg  [6:0] new_state;

  assign in_place = |matching;

  always @* begin
    victims = 8'd0;
    if ((state & 7'hb) == 7'd0) victims[0] = 1'b1;
    if (((state ^ 7'd8) & 7'hb) == 7'd0) victims[1] = 1'b1;
    if (((state ^ 7'd2) & 7'h13) == 7'd0) victims[2] = 1'b1;
    if (((state ^ 7'h12) & 7'h13) == 7'd0) victims[3] = 1'b1;
    if (((state ^ 7'd1) & 7'h25) == 7'd0) victims[4] = 1'b1;
    if (((state ^ 7'h21) & 7'h25) == 7'd0) victims[5] = 1'b1;
    if (((state ^ 7'd5) & 7'h45) == 7'd0) victims[6] = 1'b1;
    if (((state ^ 7'h45) & 7'h45) == 7'd0) victims[7] = 1'b1;
  end

  always @* begin
    chosen = 8'd0;
    if (matching[0] && !(|chosen)) chosen[0] = 1'b1;
    if (matching[1] && !(|chosen)) chosen[1] = 1'b1;
    if (matching[2] && !(|chosen)) chosen[2] = 1'b1;
    if (matching[3] && !(|chosen)) chosen[3] = 1'b1;
    if (matching[4] && !(|chosen)) chosen[4] = 1'b1;
    if (matching[5] && !(|chosen)) chosen[5] = 1'b1;
    if (matching[6] && !(|chosen)) chosen[6] = 1'b1;
    if (matching[7] && !(|chosen)) chosen[7] = 1'b1;
    if (!in_place) chosen = victims;
  end

  assign refilled = chosen;
  assign touched = refill ? chosen : hit ? matching : 8'd0;

  always @* begin
    new_state = state;
    if (touched[0]) new_state = (state & 7'h74) | 7'hb;
    if (touched[1]) new_state = (state & 7'h74) | 7'd3;
    if (touched[2]) new_state = (state & 7'h6c) | 7'h11;
    if (touched[3]) new_state = (state & 7'h6c) | 7'd1;
    if (touched[4]) new_state = (state & 7'h5a) | 7'h24;
    if (touched[5]) new_state = (state & 7'h5a) | 7'd4;
    if (touched[6]) new_state = (state & 7'h3a) | 7'h40;
    if (touched[7]) new_state = state & 7'h3a;
  end

  assign touches = |touched;
  assign next_state = new_state;
endmodule

module pagewalk_mmu_full_tlb (
  input  wire        clock,
  input  wire        look_up_load,
  input  wire [19:0] look_up_vpn,
  input  wire        look_up_needs_read,
  input  wire        look_up_needs_write,
  input  wire        look_up_needs_execute,
  input  wire        look_up_needs_dirty,
  input  wire        look_up_needs_user_pages,
  input  wire        look_up_needs_supervisor_pages,
  input  wire        look_up_held,
  input  wire [19:0] look_up_held_vpn,
  input  wire        look_up_walker_answers,
  output wire        look_up_hit,
  output wire [39:0] look_up_page_frame,
  output wire  [2:0] look_up_page_size,
  output wire  [2:0] look_up_page_memory_type,
  input  wire        refill_valid,
  input  wire        refill_superpage,
  input  wire        refill_ignored,
  input  wire  [4:0] refill_tag_rights,
  input  wire        refill_tag_global,
  input  wire [39:0] refill_page_frame,
  input  wire  [2:0] refill_page_size,
  input  wire  [2:0] refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire        drop_row,
  input  wire [19:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire        drop_keep_global
);

  localparam [6:0] SIZE_SHIFT = 7'd40;
  localparam [6:0] TYPE_SHIFT = 7'd43;

  reg [6:0] state;
  reg       page_due;
  reg [2:0] page_entry;

  (* ram_style = "distributed" *) reg [45:0] page_ram [0:7];
  integer initial_row;

  wire [19:0] lookup_vpn;
  reg   [7:0] matching;
  reg         several;
  wire        grants;
  wire        hits;
  reg   [2:0] index;
  reg         ignored;
  wire [39:0] ignored_bits;
  wire [45:0] row;
  wire [39:0] row_frame;
  wire  [7:0] refilled;
  reg   [2:0] refilled_index;
  wire        entry_0_matched;
  wire        entry_0_granted;
  wire        entry_0_ignored;
  wire        entry_0_write;
  wire        entry_0_write_valid;
  wire        entry_1_matched;
  wire        entry_1_granted;
  wire        entry_1_ignored;
  wire        entry_1_write;
  wire        entry_1_write_valid;
  wire        entry_2_matched;
  wire        entry_2_granted;
  wire        entry_2_ignored;
  wire        entry_2_write;
  wire        entry_2_write_valid;
  wire        entry_3_matched;
  wire        entry_3_granted;
  wire        entry_3_ignored;
  wire        entry_3_write;
  wire        entry_3_write_valid;
  wire        entry_4_matched;
  wire        entry_4_granted;
  wire        entry_4_ignored;
  wire        entry_4_write;
  wire        entry_4_write_valid;
  wire        entry_5_matched;
  wire        entry_5_granted;
  wire        entry_5_ignored;
  wire        entry_5_write;
  wire        entry_5_write_valid;
  wire        entry_6_matched;
  wire        entry_6_granted;
  wire        entry_6_ignored;
  wire        entry_6_write;
  wire        entry_6_write_valid;
  wire        entry_7_matched;
  wire        entry_7_granted;
  wire        entry_7_ignored;
  wire        entry_7_write;
  wire        entry_7_write_valid;
  wire [45:0] page_ram_write_data;
  wire  [6:0] state_next;
  wire        victim_hit;
  wire        victim_touches;
  wire  [6:0] victim_next_state;

  assign lookup_vpn = drop_valid ? drop_vpn : look_up_vpn;

  always @* begin
    matching = 8'd0;
    several = 1'b0;
    index = 3'd0;
    ignored = 1'b0;
    if (entry_0_matched) begin
      several = several || (|matching);
      matching[0] = 1'b1;
      ignored = ignored | entry_0_ignored;
    end
    if (entry_1_matched) begin
      several = several || (|matching);
      matching[1] = 1'b1;
      index = index | 3'd1;
      ignored = ignored | entry_1_ignored;
    end
    if (entry_2_matched) begin
      several = several || (|matching);
      matching[2] = 1'b1;
      index = index | 3'd2;
      ignored = ignored | entry_2_ignored;
    end
    if (entry_3_matched) begin
      several = several || (|matching);
      matching[3] = 1'b1;
      index = index | 3'd3;
      ignored = ignored | entry_3_ignored;
    end
    if (entry_4_matched) begin
      several = several || (|matching);
      matching[4] = 1'b1;
      index = index | 3'd4;
      ignored = ignored | entry_4_ignored;
    end
    if (entry_5_matched) begin
      several = several || (|matching);
      matching[5] = 1'b1;
      index = index | 3'd5;
      ignored = ignored | entry_5_ignored;
    end
    if (entry_6_matched) begin
      several = several || (|matching);
      matching[6] = 1'b1;
      index = index | 3'd6;
      ignored = ignored | entry_6_ignored;
    end
    if (entry_7_matched) begin
      several = several || (|matching);
      matching[7] = 1'b1;
      index = 3'd7;
      ignored = ignored | entry_7_ignored;
    end
  end

  assign grants = (entry_0_matched && entry_0_granted)
                  || (entry_1_matched && entry_1_granted)
                  || (entry_2_matched && entry_2_granted)
                  || (entry_3_matched && entry_3_granted)
                  || (entry_4_matched && entry_4_granted)
                  || (entry_5_matched && entry_5_granted)
                  || (entry_6_matched && entry_6_granted)
                  || (entry_7_matched && entry_7_granted);
  assign hits = grants && !several;
  assign look_up_hit = hits;
  assign ignored_bits = ignored ? 40'h1ff : 40'd0;
  assign row_frame = row[39:0];
  assign look_up_page_frame = !look_up_walker_answers
                              ? (row_frame & ~ignored_bits)
                                | ({20'd0, look_up_held_vpn} & ignored_bits)
                              : 40'd0;
  assign look_up_page_size = !look_up_walker_answers ? row[42:40] : 3'd0;
  assign look_up_page_memory_type = !look_up_walker_answers ? row[45:43] : 3'd0;

  always @* begin
    refilled_index = 3'd0;
    if (refilled[1]) refilled_index = refilled_index | 3'd1;
    if (refilled[2]) refilled_index = refilled_index | 3'd2;
    if (refilled[3]) refilled_index = refilled_index | 3'd3;
    if (refilled[4]) refilled_index = refilled_index | 3'd4;
    if (refilled[5]) refilled_index = refilled_index | 3'd5;
    if (refilled[6]) refilled_index = refilled_index | 3'd6;
    if (refilled[7]) refilled_index = 3'd7;
  end

  assign entry_0_write = refill_valid && (refilled[0] || matching[0]);
  assign entry_0_write_valid = refilled[0];
  assign entry_1_write = refill_valid && (refilled[1] || matching[1]);
  assign entry_1_write_valid = refilled[1];
  assign entry_2_write = refill_valid && (refilled[2] || matching[2]);
  assign entry_2_write_valid = refilled[2];
  assign entry_3_write = refill_valid && (refilled[3] || matching[3]);
  assign entry_3_write_valid = refilled[3];
  assign entry_4_write = refill_valid && (refilled[4] || matching[4]);
  assign entry_4_write_valid = refilled[4];
  assign entry_5_write = refill_valid && (refilled[5] || matching[5]);
  assign entry_5_write_valid = refilled[5];
  assign entry_6_write = refill_valid && (refilled[6] || matching[6]);
  assign entry_6_write_valid = refilled[6];
  assign entry_7_write = refill_valid && (refilled[7] || matching[7]);
  assign entry_7_write_valid = refilled[7];
  assign page_ram_write_data = {6'd0, refill_page_frame}
                               | ({43'd0, refill_page_size} << SIZE_SHIFT)
                               | ({43'd0, refill_page_memory_type} << TYPE_SHIFT);
  assign victim_hit = look_up_held && hits;
  assign state_next = (drop_valid && !drop_by_address && !drop_has_asid && !drop_keep_global)
                      ? 7'd0
                      : victim_next_state;

  initial for (initial_row = 0; initial_row < 8; initial_row = initial_row + 1)
    page_ram[initial_row] = 46'd0;
  assign row = page_ram[index];
  always @(posedge clock) begin
    if (page_due) page_ram[page_entry] <= page_ram_write_data;
  end

  pagewalk_mmu_full_tlb_entry entry_0 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_0_matched),
    .granted(entry_0_granted),
    .ignored(entry_0_ignored),
    .write(entry_0_write),
    .write_valid(entry_0_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_1 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_1_matched),
    .granted(entry_1_granted),
    .ignored(entry_1_ignored),
    .write(entry_1_write),
    .write_valid(entry_1_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_2 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_2_matched),
    .granted(entry_2_granted),
    .ignored(entry_2_ignored),
    .write(entry_2_write),
    .write_valid(entry_2_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_3 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_3_matched),
    .granted(entry_3_granted),
    .ignored(entry_3_ignored),
    .write(entry_3_write),
    .write_valid(entry_3_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_4 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_4_matched),
    .granted(entry_4_granted),
    .ignored(entry_4_ignored),
    .write(entry_4_write),
    .write_valid(entry_4_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_5 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_5_matched),
    .granted(entry_5_granted),
    .ignored(entry_5_ignored),
    .write(entry_5_write),
    .write_valid(entry_5_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_6 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_6_matched),
    .granted(entry_6_granted),
    .ignored(entry_6_ignored),
    .write(entry_6_write),
    .write_valid(entry_6_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_7 (
    .clock(clock),
    .load(look_up_load),
    .vpn(lookup_vpn),
    .needs_read(look_up_needs_read),
    .needs_write(look_up_needs_write),
    .needs_execute(look_up_needs_execute),
    .needs_dirty(look_up_needs_dirty),
    .needs_user_pages(look_up_needs_user_pages),
    .needs_supervisor_pages(look_up_needs_supervisor_pages),
    .matched(entry_7_matched),
    .granted(entry_7_granted),
    .ignored(entry_7_ignored),
    .write(entry_7_write),
    .write_valid(entry_7_write_valid),
    .write_vpn(look_up_held_vpn),
    .write_tag_rights(refill_tag_rights),
    .write_tag_global(refill_tag_global),
    .write_ignored(refill_ignored),
    .fence(drop_valid),
    .fence_by_address(drop_by_address),
    .fence_has_asid(drop_has_asid),
    .fence_keep_global(drop_keep_global)
  );

  pagewalk_mmu_full_tlb_victim victim (
    .state(state),
    .matching(matching),
    .hit(victim_hit),
    .refill(refill_valid),
    .refilled(refilled),
    .touches(victim_touches),
    .next_state(victim_next_state)
  );

  initial begin
    state = 7'd0;
    page_due = 1'b0;
    page_entry = 3'd0;
  end

  always @(posedge clock) begin
    state <= state_next;
    page_due <= refill_valid;
    page_entry <= refilled_index;
  end

  // Read by nothing.
  wire unused = &{1'b0, refill_superpage, drop_row, victim_touches};
endmodule

module pagewalk_mmu_instruction (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
  input  wire        mode_smep,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [31:0] req_va,
  input  wire        req_user,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [31:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        miss_valid,
  output wire [19:0] miss_access_vpn,
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
  input  wire        miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire        drop_row,
  input  wire [19:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire        drop_keep_global,
  output wire        occupied
);

  wire        pipeline_look_up_load;
  wire [19:0] pipeline_look_up_vpn;
  wire        pipeline_look_up_needs_read;
  wire        pipeline_look_up_needs_write;
  wire        pipeline_look_up_needs_execute;
  wire        pipeline_look_up_needs_dirty;
  wire        pipeline_look_up_needs_user_pages;
  wire        pipeline_look_up_needs_supervisor_pages;
  wire        pipeline_look_up_held;
  wire [19:0] pipeline_look_up_held_vpn;
  wire        pipeline_look_up_walker_answers;
  wire        full_tlb_look_up_hit;
  wire [39:0] full_tlb_look_up_page_frame;
  wire  [2:0] full_tlb_look_up_page_size;
  wire  [2:0] full_tlb_look_up_page_memory_type;

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
    .look_up_hit(full_tlb_look_up_hit),
    .look_up_page_frame(full_tlb_look_up_page_frame),
    .look_up_page_size(full_tlb_look_up_page_size),
    .look_up_page_memory_type(full_tlb_look_up_page_memory_type),
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

  pagewalk_mmu_full_tlb full_tlb (
    .clock(clock),
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
    .look_up_hit(full_tlb_look_up_hit),
    .look_up_page_frame(full_tlb_look_up_page_frame),
    .look_up_page_size(full_tlb_look_up_page_size),
    .look_up_page_memory_type(full_tlb_look_up_page_memory_type),
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
  input  wire [31:0] req_va,
  input  wire        req_user,
  input  wire        req_store,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [31:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        look_up_load,
  output wire [19:0] look_up_vpn,
  output wire        look_up_needs_read,
  output wire        look_up_needs_write,
  output wire        look_up_needs_execute,
  output wire        look_up_needs_dirty,
  output wire        look_up_needs_user_pages,
  output wire        look_up_needs_supervisor_pages,
  output wire        look_up_held,
  output wire [19:0] look_up_held_vpn,
  output wire        look_up_walker_answers,
  input  wire        look_up_hit,
  input  wire [39:0] look_up_page_frame,
  input  wire  [2:0] look_up_page_size,
  input  wire  [2:0] look_up_page_memory_type,
  output wire        miss_valid,
  output wire [19:0] miss_access_vpn,
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
  input  wire        miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  output wire        occupied
);

  reg        valid;
  reg [31:0] va;
  reg        user;
  reg        store;
  reg  [3:0] tag;

  wire        is_store;
  wire        is_load;
  wire        accept;
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
  wire [19:0] s1_vpn;
  wire        valid_next;

  assign look_up_needs_execute = 1'b0;
  assign miss_access_noncanonical = 1'b0;
  assign miss_access_fetch = 1'b0;
  assign checked = valid;
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
  assign look_up_vpn = req_va[31:12];
  assign look_up_needs_read = read_grants;
  assign look_up_needs_write = is_store;
  assign look_up_needs_dirty = is_store;
  assign look_up_needs_user_pages = user_pages;
  assign look_up_needs_supervisor_pages = !req_user;
  assign miss_access_store = store;
  assign resp_tag = tag;
  assign s1_vpn = va[31:12];
  assign look_up_held = checked;
  assign look_up_held_vpn = s1_vpn;
  assign look_up_walker_answers = miss_done;
  assign miss_valid = valid && !look_up_hit;
  assign miss_access_vpn = s1_vpn;
  assign miss_access_user = user;
  assign miss_taken = takes;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = miss_done ? miss_refill_page_frame : 40'd0;
  assign resp_fault = miss_done ? miss_fault_kind : 2'd0;
  assign resp_code = miss_done ? miss_fault_code : 5'd0;
  assign resp_served = miss_done ? 2'd3 : 2'd0;
  assign resp_page = miss_done ? miss_refill_page_size : look_up_page_size;
  assign resp_memory_type = miss_done ? miss_refill_page_memory_type : look_up_page_memory_type;
  assign offset = miss_done ? ((|miss_fault_kind) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, look_up_page_frame | walked_frame};
  assign wide_offset = {40'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  initial begin
    valid = 1'b0;
    va = 32'd0;
    user = 1'b0;
    store = 1'b0;
    tag = 4'd0;
  end

  always @(posedge clock) begin
    valid <= valid_next;
    if (accept) begin
      va <= req_va;
      user <= req_user;
      store <= req_store;
      tag <= req_tag;
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
  input  wire        mode_wp,
  input  wire        mode_smap,
  input  wire        mode_ac,
  input  wire        req_valid,
  output wire        req_ready,
  input  wire [31:0] req_va,
  input  wire        req_user,
  input  wire        req_store,
  input  wire  [3:0] req_tag,
  output wire        resp_valid,
  input  wire        resp_ready,
  output wire [31:0] resp_va,
  output wire [51:0] resp_pa,
  output wire  [1:0] resp_fault,
  output wire  [4:0] resp_code,
  output wire  [2:0] resp_page,
  output wire  [2:0] resp_memory_type,
  output wire  [1:0] resp_served,
  output wire  [3:0] resp_tag,
  output wire        miss_valid,
  output wire [19:0] miss_access_vpn,
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
  input  wire        miss_refill_ignored,
  input  wire  [4:0] miss_refill_tag_rights,
  input  wire        miss_refill_tag_global,
  input  wire [39:0] miss_refill_page_frame,
  input  wire  [2:0] miss_refill_page_size,
  input  wire  [2:0] miss_refill_page_memory_type,
  input  wire        drop_valid,
  input  wire        drop_by_address,
  input  wire        drop_row,
  input  wire [19:0] drop_vpn,
  input  wire        drop_has_asid,
  input  wire        drop_keep_global,
  output wire        occupied
);

  wire        pipeline_look_up_load;
  wire [19:0] pipeline_look_up_vpn;
  wire        pipeline_look_up_needs_read;
  wire        pipeline_look_up_needs_write;
  wire        pipeline_look_up_needs_execute;
  wire        pipeline_look_up_needs_dirty;
  wire        pipeline_look_up_needs_user_pages;
  wire        pipeline_look_up_needs_supervisor_pages;
  wire        pipeline_look_up_held;
  wire [19:0] pipeline_look_up_held_vpn;
  wire        pipeline_look_up_walker_answers;
  wire        full_tlb_look_up_hit;
  wire [39:0] full_tlb_look_up_page_frame;
  wire  [2:0] full_tlb_look_up_page_size;
  wire  [2:0] full_tlb_look_up_page_memory_type;

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
    .look_up_hit(full_tlb_look_up_hit),
    .look_up_page_frame(full_tlb_look_up_page_frame),
    .look_up_page_size(full_tlb_look_up_page_size),
    .look_up_page_memory_type(full_tlb_look_up_page_memory_type),
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

  pagewalk_mmu_full_tlb full_tlb (
    .clock(clock),
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
    .look_up_hit(full_tlb_look_up_hit),
    .look_up_page_frame(full_tlb_look_up_page_frame),
    .look_up_page_size(full_tlb_look_up_page_size),
    .look_up_page_memory_type(full_tlb_look_up_page_memory_type),
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
    .drop_keep_global(drop_keep_global)
  );
endmodule

module pagewalk_mmu_misses (
  input  wire        data_valid,
  input  wire [19:0] data_access_vpn,
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
  output wire        data_refill_ignored,
  output wire  [4:0] data_refill_tag_rights,
  output wire        data_refill_tag_global,
  output wire [39:0] data_refill_page_frame,
  output wire  [2:0] data_refill_page_size,
  output wire  [2:0] data_refill_page_memory_type,
  input  wire        instruction_valid,
  input  wire [19:0] instruction_access_vpn,
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
  output wire        instruction_refill_ignored,
  output wire  [4:0] instruction_refill_tag_rights,
  output wire        instruction_refill_tag_global,
  output wire [39:0] instruction_refill_page_frame,
  output wire  [2:0] instruction_refill_page_size,
  output wire  [2:0] instruction_refill_page_memory_type,
  output wire        to_valid,
  output wire [19:0] to_access_vpn,
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
  input  wire        to_refill_ignored,
  input  wire  [4:0] to_refill_tag_rights,
  input  wire        to_refill_tag_global,
  input  wire [39:0] to_refill_page_frame,
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
  input  wire [19:0] access_vpn,
  input  wire        access_noncanonical,
  input  wire        access_user,
  input  wire        access_store,
  input  wire        access_fetch,
  input  wire        upper_writable,
  input  wire        upper_user,
  input  wire        upper_executable,
  input  wire        upper_global,
  input  wire        mode_wp,
  input  wire        mode_nxe,
  input  wire        mode_pge,
  input  wire        mode_smep,
  input  wire        mode_smap,
  input  wire        mode_ac,
  output wire        updates,
  output wire [63:0] updated,
  output wire        succeeds,
  output wire  [1:0] fault_kind,
  output wire  [4:0] fault_code,
  output wire [39:0] page_frame,
  output wire  [2:0] page_size,
  output wire  [2:0] page_memory_type,
  output wire        cacheable,
  output wire        superpage,
  output wire  [4:0] tag_rights,
  output wire        tag_global,
  output wire        ignored
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
      reserved_bits = 64'h7ff0000000000000;
      if (leaf) reserved_bits = 64'h7ff0000000000000;
    end
    if (level == 2'd1) begin
      reserved_bits = 64'h7ff0000000000000;
      if (leaf) reserved_bits = 64'h7ff00000001fe000;
    end
    if (level == 2'd2) begin
      reserved_bits = 64'h7ff0000000000080;
      if (leaf) reserved_bits = 64'h7ff000003fffe080;
    end
  end

  assign no_execute = pte[63];
  assign can_write = upper_writable && pte[1];
  assign can_execute = upper_executable && !no_execute;
  assign for_user = upper_user && pte[2];
  assign accessed = pte[5];
  assign dirty = pte[6];

  always @* begin
    permitted = (can_write || !access_store || (!access_user && !mode_wp))
                && (can_execute || !access_fetch)
                && (for_user || !access_user);
    if (for_user
        && !access_user
        && ((access_fetch && mode_smep) || (!access_fetch && mode_smap && !mode_ac))) begin
      permitted = 1'b0;
    end
  end

  assign tag_global = pte[8] && mode_pge;
  assign page_fault = without_reads
                      ? !access_noncanonical
                      : !bus_error && (!present || reserved || (leaf && !permitted));
  assign access_fault = bus_error;
  assign general_protection = without_reads && access_noncanonical;

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
      code_bits[1] = access_store;
      code_bits[2] = access_user;
      code_bits[3] = present && reserved;
      if (access_fetch && mode_smep) code_bits[4] = 1'b1;
      if (access_fetch && mode_nxe) code_bits[4] = 1'b1;
    end
  end

  always @* begin
    type_bits = {1'b0, pte[4:3]};
    if ((at_bottom && pte[7]) || (!at_bottom && pte[12])) type_bits = type_bits | 3'd4;
  end

  assign leaf_frame = pte[51:12];
  assign stale = !accessed || (leaf && access_store && !dirty);
  assign low_bits = (level == 2'd2) ? 40'd0 : (level == 2'd1) ? 40'h1ff : 40'd0;
  assign size_bits = {1'b0, level};
  assign ignored = (level == 2'd2) || (level == 2'd1);
  assign vpn_frame = {20'd0, access_vpn};
  assign ok = !page_fault && !access_fault && !general_protection && !needs_update;
  assign succeeds = ok;
  assign superpage = !at_bottom;
  assign page_frame = ok ? (leaf_frame & ~low_bits) | (vpn_frame & low_bits) : 40'd0;
  assign page_size = ok ? size_bits : 3'd0;
  assign page_memory_type = ok ? type_bits : 3'd0;

  always @* begin
    rights_bits = 5'd0;
    rights_bits[0] = 1'b1;
    rights_bits[1] = can_write;
    rights_bits[2] = can_execute;
    rights_bits[3] = for_user;
    rights_bits[4] = dirty;
  end

  assign tag_rights = rights_bits;
  assign fault_kind = general_protection ? 2'd3 : access_fault ? 2'd2 : page_fault ? 2'd1 : 2'd0;
  assign fault_code = code_bits;
  assign updates = needs_update;
  assign updated = (access_store && leaf) ? pte | ACCESSED_DIRTY_BITS : pte | ACCESSED_BIT;

  // Read by nothing.
  wire unused = &{1'b0, upper_global};
endmodule

module pagewalk_mmu_walker (
  input  wire        clock,
  input  wire        reset,
  input  wire        miss_valid,
  input  wire [19:0] miss_access_vpn,
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
  output wire        miss_refill_ignored,
  output wire  [4:0] miss_refill_tag_rights,
  output wire        miss_refill_tag_global,
  output wire [39:0] miss_refill_page_frame,
  output wire  [2:0] miss_refill_page_size,
  output wire  [2:0] miss_refill_page_memory_type,
  input  wire [63:0] pdpte_0,
  input  wire [63:0] pdpte_1,
  input  wire [63:0] pdpte_2,
  input  wire [63:0] pdpte_3,
  input  wire        mode_wp,
  input  wire        mode_nxe,
  input  wire        mode_pge,
  input  wire        mode_smep,
  input  wire        mode_smap,
  input  wire        mode_ac,
  output wire        report_idle,
  output wire        report_fetch,
  output wire [19:0] report_vpn,
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
  localparam [1:0] FIRST_LEVEL = 2'd1;
  localparam [63:0] POINTER_VALUE = 64'h21;
  localparam [63:0] POINTER_MASK = 64'h7ff00000000000a1;

  reg        idle;
  reg        look;
  reg        request;
  reg        waiting;
  reg        check;
  reg        done;
  reg        swap;
  reg [19:0] access_vpn;
  reg        access_noncanonical;
  reg        access_user;
  reg        access_store;
  reg        access_fetch;
  reg  [1:0] level;
  reg [39:0] table_frame;
  reg  [8:0] index;
  reg [63:0] entry;
  reg        bus_error;
  reg        without_reads;
  reg        upper_writable;
  reg        upper_user;
  reg        upper_executable;
  reg        upper_global;
  reg [39:0] page_frame;
  reg  [2:0] page_size;
  reg  [2:0] page_memory_type;
  reg  [1:0] fault_kind;
  reg  [4:0] fault_code;

  wire        verdict_at_look;
  reg  [63:0] pdpte_used;
  wire  [1:0] pdpte_index;
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
  wire        upper_writable_next;
  wire        upper_user_next;
  wire        upper_executable_next;
  wire        verdict_succeeds;
  wire  [1:0] verdict_fault_kind;
  wire  [4:0] verdict_fault_code;
  wire [39:0] verdict_page_frame;
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
  assign verdict_at_look = ((pdpte_used & 64'hfff00000000001e7) != 64'd1) || access_noncanonical;
  assign first_table = pdpte_used[51:12];

  always @* begin
    pdpte_used = 64'd0;
    if (pdpte_index == 2'd0) pdpte_used = pdpte_0;
    if (pdpte_index == 2'd1) pdpte_used = pdpte_1;
    if (pdpte_index == 2'd2) pdpte_used = pdpte_2;
    if (pdpte_index == 2'd3) pdpte_used = pdpte_3;
  end

  assign pdpte_index = access_vpn[19:18];
  assign first_index = access_vpn[17:9];
  assign answer = mem_resp_data;
  assign at_level = level;

  always @* begin
    descend = ((answer & POINTER_MASK) == POINTER_VALUE) && (at_level != 2'd0) && !mem_resp_error;
    if (answer[63] && !mode_nxe) descend = 1'b0;
  end

  assign next_table = answer[51:12];
  assign next_index = (at_level == 2'd2)
                      ? access_vpn[17:9]
                      : (at_level == 2'd1) ? access_vpn[8:0] : 9'd0;
  assign step = look || (answered && descend);
  assign level_next = look ? FIRST_LEVEL : at_level - 2'd1;
  assign table_frame_next = look ? first_table : next_table;
  assign index_next = look ? first_index : next_index;
  assign entry_en = look || answered;
  assign entry_next = look ? pdpte_used : answer;
  assign bus_error_en = look || answered;
  assign bus_error_next = answered && mem_resp_error;
  assign upper_writable_next = !look ? upper_writable && answer[1] : look;
  assign upper_user_next = !look ? upper_user && answer[2] : look;
  assign upper_executable_next = !look ? upper_executable && !answer[63] : look;
  assign wide_table = {12'd0, table_frame};
  assign wide_index = {43'd0, index};
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
    .mode_wp(mode_wp),
    .mode_nxe(mode_nxe),
    .mode_pge(mode_pge),
    .mode_smep(mode_smep),
    .mode_smap(mode_smap),
    .mode_ac(mode_ac),
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
    access_vpn = 20'd0;
    access_noncanonical = 1'b0;
    access_user = 1'b0;
    access_store = 1'b0;
    access_fetch = 1'b0;
    level = 2'd0;
    table_frame = 40'd0;
    index = 9'd0;
    entry = 64'd0;
    bus_error = 1'b0;
    without_reads = 1'b0;
    upper_writable = 1'b0;
    upper_user = 1'b0;
    upper_executable = 1'b0;
    upper_global = 1'b0;
    page_frame = 40'd0;
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
      upper_writable <= upper_writable_next;
      upper_user <= upper_user_next;
      upper_executable <= upper_executable_next;
      upper_global <= 1'b0;
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
  input  wire [31:0] fence_va,
  input  wire        fence_keep_global,
  input  wire        data_occupied,
  input  wire        instruction_occupied,
  input  wire        walk_idle,
  input  wire        walk_fetch,
  input  wire [19:0] walk_vpn,
  input  wire        walk_page_fault,
  input  wire        walk_refill,
  input  wire  [2:0] walk_page_size,
  output wire        drop_valid,
  output wire        drop_by_address,
  output wire        drop_row,
  output wire [19:0] drop_vpn,
  output wire        drop_has_asid,
  output wire        drop_keep_global,
  output wire        blocks,
  output wire        busy
);

  localparam [2:0] DATA_WHOLE = 3'd4;
  localparam [2:0] FETCH_WHOLE = 3'd4;
  localparam LAST_ROW = 1'b0;

  reg        pending;
  reg        has_va;
  reg [19:0] vpn;
  reg        keep_global;
  reg        split;
  reg        row;

  wire        fence_taken;
  wire        faulted;
  wire        widened;
  wire        loads;
  wire        idle;
  wire        carried_out;
  wire        finishes;
  wire        by_address;
  wire        unqualified;
  wire        splits;
  wire        pending_next;
  wire        has_va_next;
  wire [19:0] vpn_next;
  wire        keep_global_next;
  wire        split_next;
  wire        row_next;

  assign drop_has_asid = 1'b0;
  assign fence_ready = !pending;
  assign fence_taken = fence_valid && !pending;
  assign faulted = walk_page_fault;
  assign widened = reset || (faulted && (pending || fence_taken));
  assign loads = fence_taken || faulted || reset;
  assign has_va_next = (faulted || fence_has_va) && !widened;
  assign vpn_next = faulted ? walk_vpn : fence_va[31:12];
  assign keep_global_next = fence_keep_global && !faulted && !widened;
  assign idle = !data_occupied && !instruction_occupied && walk_idle;
  assign carried_out = pending && idle;
  assign by_address = has_va && !split;
  assign finishes = carried_out && (by_address || (row == LAST_ROW));
  assign pending_next = loads || (pending && !finishes);
  assign row_next = !(finishes || reset) && (carried_out ? row + 1'b1 : row);
  assign splits = walk_fetch ? FETCH_WHOLE < walk_page_size : DATA_WHOLE < walk_page_size;
  assign unqualified = !keep_global;
  assign split_next = (walk_refill && splits)
                      || (split && !(finishes && !by_address && unqualified));
  assign blocks = pending;
  assign busy = pending || !idle;
  assign drop_valid = carried_out;
  assign drop_by_address = by_address;
  assign drop_row = row;
  assign drop_vpn = vpn;
  assign drop_keep_global = keep_global;

  initial begin
    pending = 1'b0;
    has_va = 1'b0;
    vpn = 20'd0;
    keep_global = 1'b0;
    split = 1'b0;
    row = 1'b0;
  end

  always @(posedge clock) begin
    pending <= pending_next;
    if (loads) begin
      has_va <= has_va_next;
      vpn <= vpn_next;
      keep_global <= keep_global_next;
    end
    split <= split_next;
    row <= row_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, fence_va[11:0]};
endmodule

module pagewalk_mmu (
  input  wire        clock,
  input  wire        reset,
  input  wire [63:0] pdpte_0,
  input  wire [63:0] pdpte_1,
  input  wire [63:0] pdpte_2,
  input  wire [63:0] pdpte_3,
  input  wire        mode_wp,
  input  wire        mode_nxe,
  input  wire        mode_pge,
  input  wire        mode_smep,
  input  wire        mode_smap,
  input  wire        mode_ac,
  input  wire        fence_valid,
  output wire        fence_ready,
  input  wire        fence_has_va,
  input  wire [31:0] fence_va,
  input  wire        fence_keep_global,
  output wire        busy,
  input  wire        ireq_valid,
  output wire        ireq_ready,
  input  wire [31:0] ireq_va,
  input  wire        ireq_user,
  input  wire  [3:0] ireq_tag,
  output wire        iresp_valid,
  input  wire        iresp_ready,
  output wire [31:0] iresp_va,
  output wire [51:0] iresp_pa,
  output wire  [1:0] iresp_fault,
  output wire  [4:0] iresp_code,
  output wire  [2:0] iresp_page,
  output wire  [2:0] iresp_memory_type,
  output wire  [1:0] iresp_served,
  output wire  [3:0] iresp_tag,
  input  wire        dreq_valid,
  output wire        dreq_ready,
  input  wire [31:0] dreq_va,
  input  wire        dreq_user,
  input  wire        dreq_store,
  input  wire  [3:0] dreq_tag,
  output wire        dresp_valid,
  input  wire        dresp_ready,
  output wire [31:0] dresp_va,
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
  wire [19:0] instruction_miss_access_vpn;
  wire        instruction_miss_access_noncanonical;
  wire        instruction_miss_access_user;
  wire        instruction_miss_access_store;
  wire        instruction_miss_access_fetch;
  wire        instruction_miss_taken;
  wire        instruction_occupied;
  wire        data_miss_valid;
  wire [19:0] data_miss_access_vpn;
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
  wire        misses_data_refill_ignored;
  wire  [4:0] misses_data_refill_tag_rights;
  wire        misses_data_refill_tag_global;
  wire [39:0] misses_data_refill_page_frame;
  wire  [2:0] misses_data_refill_page_size;
  wire  [2:0] misses_data_refill_page_memory_type;
  wire        misses_instruction_done;
  wire        misses_instruction_for_fetch;
  wire  [1:0] misses_instruction_fault_kind;
  wire  [4:0] misses_instruction_fault_code;
  wire        misses_instruction_refill_valid;
  wire        misses_instruction_refill_superpage;
  wire        misses_instruction_refill_ignored;
  wire  [4:0] misses_instruction_refill_tag_rights;
  wire        misses_instruction_refill_tag_global;
  wire [39:0] misses_instruction_refill_page_frame;
  wire  [2:0] misses_instruction_refill_page_size;
  wire  [2:0] misses_instruction_refill_page_memory_type;
  wire        misses_to_valid;
  wire [19:0] misses_to_access_vpn;
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
  wire        walker_miss_refill_ignored;
  wire  [4:0] walker_miss_refill_tag_rights;
  wire        walker_miss_refill_tag_global;
  wire [39:0] walker_miss_refill_page_frame;
  wire  [2:0] walker_miss_refill_page_size;
  wire  [2:0] walker_miss_refill_page_memory_type;
  wire        walker_report_idle;
  wire        walker_report_fetch;
  wire [19:0] walker_report_vpn;
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
  wire        fences_drop_row;
  wire [19:0] fences_drop_vpn;
  wire        fences_drop_has_asid;
  wire        fences_drop_keep_global;
  wire        fences_blocks;

  pagewalk_mmu_instruction instruction (
    .clock(clock),
    .reset(reset),
    .blocked(fences_blocks),
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
    .drop_keep_global(fences_drop_keep_global),
    .occupied(instruction_occupied)
  );

  pagewalk_mmu_data data (
    .clock(clock),
    .reset(reset),
    .blocked(fences_blocks),
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
    .pdpte_0(pdpte_0),
    .pdpte_1(pdpte_1),
    .pdpte_2(pdpte_2),
    .pdpte_3(pdpte_3),
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
    .fence_keep_global(fence_keep_global),
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
    .drop_keep_global(fences_drop_keep_global),
    .blocks(fences_blocks),
    .busy(busy)
  );
endmodule

`default_nettype wire
