// pagewalk_mmu: memory management unit, x86-pae, 32 virtual and 52 physical address bits
//
// identifier bits 0, tag bits 4
// instruction TLB: 8 fully associative entries of any page size, tree-PLRU
// data TLB: 8 fully associative entries of any page size, tree-PLRU
//
// Ports are valid/ready handshakes, `valid` never waits for `ready`. A hit is answered in the cycle after the
// request; a walk of n reads at memory latency L in 4 + n (1 + L) cycles. root, asid, pdpte_* and mode_* may
// change only while `busy` is low. Memory answers a compare-and-swap with the value it holds afterwards.
//
// Written by pagewalk 0.1.0: pagewalk emit --format x86-pae --preset associative

`default_nettype none

module pagewalk_mmu_full_tlb_entry (
  input  wire        clock,
  input  wire        load,
  input  wire [19:0] vpn,
  input  wire        read_grants,
  input  wire        write_grants,
  input  wire        execute_grants,
  input  wire        needs_dirty,
  input  wire        user_pages,
  input  wire        supervisor_pages,
  output wire        matched,
  output wire        granted,
  output wire        ignored,
  input  wire        write,
  input  wire        write_valid,
  input  wire [19:0] write_vpn,
  input  wire  [4:0] write_rights,
  input  wire        write_global,
  input  wire        write_ignored,
  input  wire        fence,
  input  wire        fence_has_va,
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

  wire  [4:0] own;
  wire        own_ignored;
  wire [19:0] ignored_bits;
  wire        page_equal;
  reg         valid_next;
  wire        matched_held_next;
  wire        granted_held_next;

  assign own = rights;
  assign own_ignored = levels_ignored;
  assign ignored_bits = own_ignored ? 20'h1ff : 20'd0;
  assign page_equal = ((tag ^ vpn) & ~ignored_bits) == 20'd0;
  assign matched_held_next = valid && page_equal;
  assign granted_held_next = ((read_grants && own[0])
                              || (write_grants && own[1])
                              || (execute_grants && own[2]))
                             && ((own[3] && user_pages) || (!own[3] && supervisor_pages))
                             && (own[4] || !needs_dirty);
  assign matched = matched_held;
  assign granted = granted_held;
  assign ignored = levels_ignored;

  always @* begin
    valid_next = valid;
    if (write) valid_next = write_valid;
    if (fence && (!fence_has_va || page_equal) && (!fence_keep_global || !is_global)) begin
      valid_next = 1'b0;
    end
  end

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
      is_global <= write_global;
      rights <= write_rights;
      levels_ignored <= write_ignored;
    end
    if (load) begin
      matched_held <= matched_held_next;
      granted_held <= granted_held_next;
    end
  end

  // Read by nothing.
  wire unused = &{1'b0, fence_has_asid};
endmodule

module pagewalk_mmu_full_tlb (
  input  wire        clock,
  input  wire        load,
  input  wire [19:0] vpn,
  input  wire        read_grants,
  input  wire        write_grants,
  input  wire        execute_grants,
  input  wire        needs_dirty,
  input  wire        user_pages,
  input  wire        supervisor_pages,
  input  wire        held,
  input  wire [19:0] held_vpn,
  input  wire        walker_answers,
  output wire        hit,
  output wire [39:0] frame,
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  input  wire        refill,
  input  wire  [4:0] refill_rights,
  input  wire        refill_global,
  input  wire        refill_ignored,
  input  wire [39:0] refill_frame,
  input  wire  [2:0] refill_page,
  input  wire  [2:0] refill_memory_type,
  input  wire        fence,
  input  wire        fence_has_va,
  input  wire [19:0] fence_vpn,
  input  wire        fence_has_asid,
  input  wire        fence_keep_global
);

  localparam [6:0] PAGE_SHIFT = 7'd40;
  localparam [6:0] TYPE_SHIFT = 7'd43;

  reg [6:0] state_register;
  reg       frame_due;
  reg [2:0] frame_entry;

  (* ram_style = "distributed" *) reg [45:0] frame_ram [0:7];
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
  wire  [2:0] row_page;
  wire  [2:0] row_type;
  wire [45:0] new_frame;
  wire [45:0] new_page;
  wire [45:0] new_type;
  wire        in_place;
  wire  [6:0] state;
  reg   [6:0] next_state;
  reg   [7:0] victims;
  reg   [7:0] refilled;
  reg   [2:0] refilled_index;
  wire  [7:0] touched;
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
  wire [45:0] frame_ram_write_data;

  assign lookup_vpn = fence ? fence_vpn : vpn;

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
  assign hit = hits;
  assign ignored_bits = ignored ? 40'h1ff : 40'd0;
  assign row_frame = row[39:0];
  assign row_page = row[42:40];
  assign row_type = row[45:43];
  assign frame = !walker_answers
                 ? (row_frame & ~ignored_bits) | ({20'd0, held_vpn} & ignored_bits)
                 : 40'd0;
  assign page = !walker_answers ? row_page : 3'd0;
  assign memory_type = !walker_answers ? row_type : 3'd0;
  assign state = state_register;
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
    refilled = 8'd0;
    if (matching[0] && !(|refilled)) refilled[0] = 1'b1;
    if (matching[1] && !(|refilled)) refilled[1] = 1'b1;
    if (matching[2] && !(|refilled)) refilled[2] = 1'b1;
    if (matching[3] && !(|refilled)) refilled[3] = 1'b1;
    if (matching[4] && !(|refilled)) refilled[4] = 1'b1;
    if (matching[5] && !(|refilled)) refilled[5] = 1'b1;
    if (matching[6] && !(|refilled)) refilled[6] = 1'b1;
    if (matching[7] && !(|refilled)) refilled[7] = 1'b1;
    if (!in_place) refilled = victims;
  end

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

  assign entry_0_write = refill && (refilled[0] || matching[0]);
  assign entry_0_write_valid = refilled[0];
  assign entry_1_write = refill && (refilled[1] || matching[1]);
  assign entry_1_write_valid = refilled[1];
  assign entry_2_write = refill && (refilled[2] || matching[2]);
  assign entry_2_write_valid = refilled[2];
  assign entry_3_write = refill && (refilled[3] || matching[3]);
  assign entry_3_write_valid = refilled[3];
  assign entry_4_write = refill && (refilled[4] || matching[4]);
  assign entry_4_write_valid = refilled[4];
  assign entry_5_write = refill && (refilled[5] || matching[5]);
  assign entry_5_write_valid = refilled[5];
  assign entry_6_write = refill && (refilled[6] || matching[6]);
  assign entry_6_write_valid = refilled[6];
  assign entry_7_write = refill && (refilled[7] || matching[7]);
  assign entry_7_write_valid = refilled[7];
  assign new_frame = {6'd0, refill_frame};
  assign new_page = {43'd0, refill_page};
  assign new_type = {43'd0, refill_memory_type};
  assign frame_ram_write_data = new_frame | (new_page << PAGE_SHIFT) | (new_type << TYPE_SHIFT);
  assign touched = refill ? refilled : (held && hits) ? matching : 8'd0;

  always @* begin
    next_state = state;
    if (touched[0]) next_state = (state & 7'h74) | 7'hb;
    if (touched[1]) next_state = (state & 7'h74) | 7'd3;
    if (touched[2]) next_state = (state & 7'h6c) | 7'h11;
    if (touched[3]) next_state = (state & 7'h6c) | 7'd1;
    if (touched[4]) next_state = (state & 7'h5a) | 7'h24;
    if (touched[5]) next_state = (state & 7'h5a) | 7'd4;
    if (touched[6]) next_state = (state & 7'h3a) | 7'h40;
    if (touched[7]) next_state = state & 7'h3a;
    if (fence && !fence_has_va && !fence_has_asid && !fence_keep_global) next_state = 7'd0;
  end

  initial for (initial_row = 0; initial_row < 8; initial_row = initial_row + 1)
    frame_ram[initial_row] = 46'd0;
  assign row = frame_ram[index];
  always @(posedge clock) begin
    if (frame_due) frame_ram[frame_entry] <= frame_ram_write_data;
  end

  pagewalk_mmu_full_tlb_entry entry_0 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_0_matched),
    .granted(entry_0_granted),
    .ignored(entry_0_ignored),
    .write(entry_0_write),
    .write_valid(entry_0_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_1 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_1_matched),
    .granted(entry_1_granted),
    .ignored(entry_1_ignored),
    .write(entry_1_write),
    .write_valid(entry_1_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_2 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_2_matched),
    .granted(entry_2_granted),
    .ignored(entry_2_ignored),
    .write(entry_2_write),
    .write_valid(entry_2_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_3 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_3_matched),
    .granted(entry_3_granted),
    .ignored(entry_3_ignored),
    .write(entry_3_write),
    .write_valid(entry_3_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_4 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_4_matched),
    .granted(entry_4_granted),
    .ignored(entry_4_ignored),
    .write(entry_4_write),
    .write_valid(entry_4_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_5 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_5_matched),
    .granted(entry_5_granted),
    .ignored(entry_5_ignored),
    .write(entry_5_write),
    .write_valid(entry_5_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_6 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_6_matched),
    .granted(entry_6_granted),
    .ignored(entry_6_ignored),
    .write(entry_6_write),
    .write_valid(entry_6_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  pagewalk_mmu_full_tlb_entry entry_7 (
    .clock(clock),
    .load(load),
    .vpn(lookup_vpn),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .matched(entry_7_matched),
    .granted(entry_7_granted),
    .ignored(entry_7_ignored),
    .write(entry_7_write),
    .write_valid(entry_7_write_valid),
    .write_vpn(held_vpn),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_ignored(refill_ignored),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

  initial begin
    state_register = 7'd0;
    frame_due = 1'b0;
    frame_entry = 3'd0;
  end

  always @(posedge clock) begin
    state_register <= next_state;
    frame_due <= refill;
    frame_entry <= refilled_index;
  end
endmodule

module pagewalk_mmu_instruction (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
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
  input  wire        mode_smep,
  output wire        occupied,
  output wire        waits,
  output wire [19:0] held_vpn,
  output wire        held_noncanonical,
  output wire        held_user,
  output wire        held_store,
  input  wire        walk_done,
  output wire        taken,
  input  wire [39:0] walk_frame,
  input  wire  [2:0] walk_page,
  input  wire  [2:0] walk_memory_type,
  input  wire  [1:0] walk_fault,
  input  wire  [4:0] walk_code,
  input  wire        refill,
  input  wire        refill_superpage,
  input  wire  [4:0] refill_rights,
  input  wire        refill_global,
  input  wire        refill_ignored,
  input  wire        fence,
  input  wire        fence_row,
  input  wire        fence_has_va,
  input  wire [19:0] fence_vpn,
  input  wire        fence_has_asid,
  input  wire        fence_keep_global
);

  reg        valid;
  reg [31:0] va;
  reg        user;
  reg  [3:0] tag;

  wire        accept;
  wire        checked;
  wire        tlb_hit;
  wire [39:0] tlb_frame;
  wire  [2:0] tlb_page;
  wire  [2:0] tlb_type;
  wire        answered;
  wire        takes;
  wire        ready;
  wire        user_pages;
  wire [39:0] walked_frame;
  wire [51:0] wide_frame;
  wire [51:0] wide_offset;
  wire [11:0] offset;
  wire [19:0] req_vpn;
  wire [19:0] s1_vpn;
  wire        full_tlb_supervisor_pages;
  wire        valid_next;

  assign held_noncanonical = 1'b0;
  assign held_store = 1'b0;
  assign checked = valid;
  assign answered = (checked && tlb_hit) || walk_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign taken = takes;
  assign waits = valid && !tlb_hit;
  assign occupied = valid;
  assign req_vpn = req_va[31:12];
  assign user_pages = req_user || !mode_smep;
  assign resp_tag = tag;
  assign s1_vpn = va[31:12];
  assign held_vpn = s1_vpn;
  assign held_user = user;
  assign full_tlb_supervisor_pages = !req_user;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = walk_done ? walk_frame : 40'd0;
  assign resp_fault = walk_done ? walk_fault : 2'd0;
  assign resp_code = walk_done ? walk_code : 5'd0;
  assign resp_served = walk_done ? 2'd3 : 2'd0;
  assign resp_page = walk_done ? walk_page : tlb_page;
  assign resp_memory_type = walk_done ? walk_memory_type : tlb_type;
  assign offset = walk_done ? ((|walk_fault) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, tlb_frame | walked_frame};
  assign wide_offset = {40'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  pagewalk_mmu_full_tlb full_tlb (
    .clock(clock),
    .load(accept),
    .vpn(req_vpn),
    .read_grants(1'b0),
    .write_grants(1'b0),
    .execute_grants(1'b1),
    .needs_dirty(1'b0),
    .user_pages(user_pages),
    .supervisor_pages(full_tlb_supervisor_pages),
    .held(checked),
    .held_vpn(s1_vpn),
    .walker_answers(walk_done),
    .hit(tlb_hit),
    .frame(tlb_frame),
    .page(tlb_page),
    .memory_type(tlb_type),
    .refill(refill),
    .refill_rights(refill_rights),
    .refill_global(refill_global),
    .refill_ignored(refill_ignored),
    .refill_frame(walk_frame),
    .refill_page(walk_page),
    .refill_memory_type(walk_memory_type),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_vpn(fence_vpn),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

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
  wire unused = &{1'b0, refill_superpage, fence_row};
endmodule

module pagewalk_mmu_data (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
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
  input  wire        mode_wp,
  input  wire        mode_smap,
  input  wire        mode_ac,
  output wire        occupied,
  output wire        waits,
  output wire [19:0] held_vpn,
  output wire        held_noncanonical,
  output wire        held_user,
  output wire        held_store,
  input  wire        walk_done,
  output wire        taken,
  input  wire [39:0] walk_frame,
  input  wire  [2:0] walk_page,
  input  wire  [2:0] walk_memory_type,
  input  wire  [1:0] walk_fault,
  input  wire  [4:0] walk_code,
  input  wire        refill,
  input  wire        refill_superpage,
  input  wire  [4:0] refill_rights,
  input  wire        refill_global,
  input  wire        refill_ignored,
  input  wire        fence,
  input  wire        fence_row,
  input  wire        fence_has_va,
  input  wire [19:0] fence_vpn,
  input  wire        fence_has_asid,
  input  wire        fence_keep_global
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
  wire        tlb_hit;
  wire [39:0] tlb_frame;
  wire  [2:0] tlb_page;
  wire  [2:0] tlb_type;
  wire        answered;
  wire        takes;
  wire        ready;
  wire        read_grants;
  wire        user_pages;
  wire [39:0] walked_frame;
  wire [51:0] wide_frame;
  wire [51:0] wide_offset;
  wire [11:0] offset;
  wire [19:0] req_vpn;
  wire [19:0] s1_vpn;
  wire        full_tlb_supervisor_pages;
  wire        valid_next;

  assign held_noncanonical = 1'b0;
  assign checked = valid;
  assign answered = (checked && tlb_hit) || walk_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign taken = takes;
  assign waits = valid && !tlb_hit;
  assign occupied = valid;
  assign req_vpn = req_va[31:12];
  assign is_store = req_store;
  assign is_load = !req_store;
  assign read_grants = is_load || (!req_user && !mode_wp);
  assign user_pages = req_user || !mode_smap || mode_ac;
  assign held_store = store;
  assign resp_tag = tag;
  assign s1_vpn = va[31:12];
  assign held_vpn = s1_vpn;
  assign held_user = user;
  assign full_tlb_supervisor_pages = !req_user;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = walk_done ? walk_frame : 40'd0;
  assign resp_fault = walk_done ? walk_fault : 2'd0;
  assign resp_code = walk_done ? walk_code : 5'd0;
  assign resp_served = walk_done ? 2'd3 : 2'd0;
  assign resp_page = walk_done ? walk_page : tlb_page;
  assign resp_memory_type = walk_done ? walk_memory_type : tlb_type;
  assign offset = walk_done ? ((|walk_fault) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, tlb_frame | walked_frame};
  assign wide_offset = {40'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  pagewalk_mmu_full_tlb full_tlb (
    .clock(clock),
    .load(accept),
    .vpn(req_vpn),
    .read_grants(read_grants),
    .write_grants(is_store),
    .execute_grants(1'b0),
    .needs_dirty(is_store),
    .user_pages(user_pages),
    .supervisor_pages(full_tlb_supervisor_pages),
    .held(checked),
    .held_vpn(s1_vpn),
    .walker_answers(walk_done),
    .hit(tlb_hit),
    .frame(tlb_frame),
    .page(tlb_page),
    .memory_type(tlb_type),
    .refill(refill),
    .refill_rights(refill_rights),
    .refill_global(refill_global),
    .refill_ignored(refill_ignored),
    .refill_frame(walk_frame),
    .refill_page(walk_page),
    .refill_memory_type(walk_memory_type),
    .fence(fence),
    .fence_has_va(fence_has_va),
    .fence_vpn(fence_vpn),
    .fence_has_asid(fence_has_asid),
    .fence_keep_global(fence_keep_global)
  );

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
  wire unused = &{1'b0, refill_superpage, fence_row};
endmodule

module pagewalk_mmu_walker_verdict (
  input  wire [63:0] entry,
  input  wire  [1:0] level,
  input  wire        bus_error,
  input  wire        without_reads,
  input  wire        noncanonical,
  input  wire [19:0] vpn,
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
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  output wire        cacheable,
  output wire        superpage,
  output wire  [4:0] rights,
  output wire        is_global,
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
  wire  [2:0] page_bits;
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
  assign low_bits = (level == 2'd2) ? 40'd0 : (level == 2'd1) ? 40'h1ff : 40'd0;
  assign page_bits = {1'b0, level};
  assign ignored = (level == 2'd2) || (level == 2'd1);
  assign vpn_frame = {20'd0, vpn};
  assign ok = !page_fault && !access_fault && !general_protection && !needs_update;
  assign succeeds = ok;
  assign superpage = !at_bottom;
  assign frame = ok ? (leaf_frame & ~low_bits) | (vpn_frame & low_bits) : 40'd0;
  assign page = ok ? page_bits : 3'd0;
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
  input  wire        start,
  input  wire [19:0] start_vpn,
  input  wire        start_noncanonical,
  input  wire        start_user,
  input  wire        start_store,
  input  wire        start_fetch,
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
  output wire        is_idle,
  output wire        refill,
  output wire        refill_superpage,
  output wire  [4:0] refill_rights,
  output wire        refill_global,
  output wire  [2:0] refill_page,
  output wire        refill_ignored,
  output wire        page_fault,
  output wire        is_done,
  input  wire        taken,
  output wire        fetch,
  output wire [39:0] frame,
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  output wire  [1:0] fault,
  output wire  [4:0] code,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [51:0] mem_req_address,
  output wire        mem_req_swap,
  output wire [63:0] mem_req_expected,
  output wire [63:0] mem_req_new,
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
  reg [19:0] walk_vpn;
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
  reg  [2:0] result_page;
  reg  [2:0] result_type;
  reg  [1:0] result_fault;
  reg  [4:0] result_code;

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
  assign idle_next = reset || (idle && !start) || (done && taken);
  assign look_next = !reset && idle && start;

  always @* begin
    request_next = (look && !verdict_at_look)
                   || (request && !mem_req_ready)
                   || (answered && descend)
                   || (check && updates);
    if (reset) request_next = 1'b0;
  end

  assign waiting_next = !reset && ((request && mem_req_ready) || (waiting && !mem_resp_valid));
  assign check_next = !reset && ((look && verdict_at_look) || (answered && !descend));
  assign done_next = !reset && ((check && !updates) || (done && !taken));
  assign swap_next = !reset && ((check && updates) || (swap && !answered));
  assign is_idle = idle;
  assign is_done = done;
  assign fetch = for_fetch;
  assign verdict_at_look = ((pdpte_used & 64'hfff00000000001e7) != 64'd1) || noncanonical;
  assign first_table = pdpte_used[51:12];

  always @* begin
    pdpte_used = 64'd0;
    if (pdpte_index == 2'd0) pdpte_used = pdpte_0;
    if (pdpte_index == 2'd1) pdpte_used = pdpte_1;
    if (pdpte_index == 2'd2) pdpte_used = pdpte_2;
    if (pdpte_index == 2'd3) pdpte_used = pdpte_3;
  end

  assign pdpte_index = walk_vpn[19:18];
  assign first_index = walk_vpn[17:9];
  assign answer = mem_resp_data;
  assign at_level = level;

  always @* begin
    descend = ((answer & POINTER_MASK) == POINTER_VALUE) && (at_level != 2'd0) && !mem_resp_error;
    if (answer[63] && !mode_nxe) descend = 1'b0;
  end

  assign next_table = answer[51:12];
  assign next_index = (at_level == 2'd2)
                      ? walk_vpn[17:9]
                      : (at_level == 2'd1) ? walk_vpn[8:0] : 9'd0;
  assign step = look || (answered && descend);
  assign level_next = look ? FIRST_LEVEL : at_level - 2'd1;
  assign table_frame_next = look ? first_table : next_table;
  assign index_next = look ? first_index : next_index;
  assign entry_en = look || answered;
  assign entry_next = look ? pdpte_used : answer;
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
  assign refill = check && verdict_succeeds && verdict_cacheable;
  assign page_fault = check && (verdict_fault == 2'd1);
  assign frame = result_frame;
  assign page = result_page;
  assign memory_type = result_type;
  assign fault = result_fault;
  assign code = result_code;

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
    .page(refill_page),
    .memory_type(verdict_memory_type),
    .cacheable(verdict_cacheable),
    .superpage(refill_superpage),
    .rights(refill_rights),
    .is_global(refill_global),
    .ignored(refill_ignored)
  );

  initial begin
    idle = 1'b0;
    look = 1'b0;
    request = 1'b0;
    waiting = 1'b0;
    check = 1'b0;
    done = 1'b0;
    swap = 1'b0;
    walk_vpn = 20'd0;
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
    result_page = 3'd0;
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
      walk_vpn <= start_vpn;
      noncanonical <= start_noncanonical;
      user <= start_user;
      store <= start_store;
      for_fetch <= start_fetch;
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
      result_page <= refill_page;
      result_type <= verdict_memory_type;
      result_fault <= verdict_fault;
      result_code <= verdict_code;
    end
  end
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

  localparam [2:0] DATA_WHOLE = 3'd4;
  localparam [2:0] FETCH_WHOLE = 3'd4;
  localparam LAST_ROW = 1'b0;

  reg        pending;
  reg        has_va;
  reg [19:0] flush_vpn;
  reg        keep_global;
  reg        split;
  reg        row;

  wire        data_waits;
  wire        fetch_waits;
  wire        fence_taken;
  wire        faulted;
  wire        widened;
  wire        loads;
  wire        carried_out;
  wire        finishes;
  wire        by_address;
  wire        unqualified;
  wire        splits;
  wire [19:0] walk_vpn;
  wire        instruction_occupied;
  wire [19:0] instruction_held_vpn;
  wire        instruction_held_noncanonical;
  wire        instruction_held_user;
  wire        instruction_held_store;
  wire        instruction_walk_done;
  wire        instruction_taken;
  wire        instruction_refill;
  wire        data_occupied;
  wire [19:0] data_held_vpn;
  wire        data_held_noncanonical;
  wire        data_held_user;
  wire        data_held_store;
  wire        data_walk_done;
  wire        data_taken;
  wire        data_refill;
  wire        walker_start;
  wire [19:0] walker_start_vpn;
  wire        walker_start_noncanonical;
  wire        walker_start_user;
  wire        walker_start_store;
  wire        walker_start_fetch;
  wire        walker_is_idle;
  wire        walker_refill;
  wire        walker_refill_superpage;
  wire  [4:0] walker_refill_rights;
  wire        walker_refill_global;
  wire  [2:0] walker_refill_page;
  wire        walker_refill_ignored;
  wire        walker_is_done;
  wire        walker_taken;
  wire [39:0] walker_frame;
  wire  [2:0] walker_page;
  wire  [2:0] walker_memory_type;
  wire  [1:0] walker_fault;
  wire  [4:0] walker_code;
  wire        pending_next;
  wire        has_va_next;
  wire [19:0] flush_vpn_next;
  wire        keep_global_next;
  wire        split_next;
  wire        row_next;

  assign walker_start = data_waits || fetch_waits;
  assign walker_start_fetch = !data_waits;
  assign walker_start_vpn = data_waits ? data_held_vpn : instruction_held_vpn;
  assign walker_start_noncanonical = data_waits
                                     ? data_held_noncanonical
                                     : instruction_held_noncanonical;
  assign walker_start_user = data_waits ? data_held_user : instruction_held_user;
  assign walker_start_store = data_waits && data_held_store;
  assign walker_taken = mem_req_port ? instruction_taken : data_taken;
  assign fence_ready = !pending;
  assign fence_taken = fence_valid && !pending;
  assign widened = reset || (faulted && (pending || fence_taken));
  assign loads = fence_taken || faulted || reset;
  assign carried_out = pending && !instruction_occupied && !data_occupied && walker_is_idle;
  assign by_address = has_va && !split;
  assign finishes = carried_out && (by_address || (row == LAST_ROW));
  assign unqualified = !keep_global;
  assign splits = mem_req_port ? FETCH_WHOLE < walker_refill_page : DATA_WHOLE < walker_refill_page;
  assign split_next = (walker_refill && splits)
                      || (split && !(finishes && !by_address && unqualified));
  assign pending_next = loads || (pending && !finishes);
  assign row_next = !(finishes || reset) && (carried_out ? row + 1'b1 : row);
  assign walk_vpn = mem_req_port ? instruction_held_vpn : data_held_vpn;
  assign has_va_next = (faulted || fence_has_va) && !widened;
  assign flush_vpn_next = faulted ? walk_vpn : fence_va[31:12];
  assign keep_global_next = fence_keep_global && !faulted && !widened;
  assign busy = pending || instruction_occupied || data_occupied || !walker_is_idle;
  assign instruction_walk_done = walker_is_done && mem_req_port;
  assign instruction_refill = walker_refill && mem_req_port;
  assign data_walk_done = walker_is_done && !mem_req_port;
  assign data_refill = walker_refill && !mem_req_port;

  pagewalk_mmu_instruction instruction (
    .clock(clock),
    .reset(reset),
    .blocked(pending),
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
    .mode_smep(mode_smep),
    .occupied(instruction_occupied),
    .waits(fetch_waits),
    .held_vpn(instruction_held_vpn),
    .held_noncanonical(instruction_held_noncanonical),
    .held_user(instruction_held_user),
    .held_store(instruction_held_store),
    .walk_done(instruction_walk_done),
    .taken(instruction_taken),
    .walk_frame(walker_frame),
    .walk_page(walker_page),
    .walk_memory_type(walker_memory_type),
    .walk_fault(walker_fault),
    .walk_code(walker_code),
    .refill(instruction_refill),
    .refill_superpage(walker_refill_superpage),
    .refill_rights(walker_refill_rights),
    .refill_global(walker_refill_global),
    .refill_ignored(walker_refill_ignored),
    .fence(carried_out),
    .fence_row(row),
    .fence_has_va(by_address),
    .fence_vpn(flush_vpn),
    .fence_has_asid(1'b0),
    .fence_keep_global(keep_global)
  );

  pagewalk_mmu_data data (
    .clock(clock),
    .reset(reset),
    .blocked(pending),
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
    .mode_wp(mode_wp),
    .mode_smap(mode_smap),
    .mode_ac(mode_ac),
    .occupied(data_occupied),
    .waits(data_waits),
    .held_vpn(data_held_vpn),
    .held_noncanonical(data_held_noncanonical),
    .held_user(data_held_user),
    .held_store(data_held_store),
    .walk_done(data_walk_done),
    .taken(data_taken),
    .walk_frame(walker_frame),
    .walk_page(walker_page),
    .walk_memory_type(walker_memory_type),
    .walk_fault(walker_fault),
    .walk_code(walker_code),
    .refill(data_refill),
    .refill_superpage(walker_refill_superpage),
    .refill_rights(walker_refill_rights),
    .refill_global(walker_refill_global),
    .refill_ignored(walker_refill_ignored),
    .fence(carried_out),
    .fence_row(row),
    .fence_has_va(by_address),
    .fence_vpn(flush_vpn),
    .fence_has_asid(1'b0),
    .fence_keep_global(keep_global)
  );

  pagewalk_mmu_walker walker (
    .clock(clock),
    .reset(reset),
    .start(walker_start),
    .start_vpn(walker_start_vpn),
    .start_noncanonical(walker_start_noncanonical),
    .start_user(walker_start_user),
    .start_store(walker_start_store),
    .start_fetch(walker_start_fetch),
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
    .is_idle(walker_is_idle),
    .refill(walker_refill),
    .refill_superpage(walker_refill_superpage),
    .refill_rights(walker_refill_rights),
    .refill_global(walker_refill_global),
    .refill_page(walker_refill_page),
    .refill_ignored(walker_refill_ignored),
    .page_fault(faulted),
    .is_done(walker_is_done),
    .taken(walker_taken),
    .fetch(mem_req_port),
    .frame(walker_frame),
    .page(walker_page),
    .memory_type(walker_memory_type),
    .fault(walker_fault),
    .code(walker_code),
    .mem_req_valid(mem_req_valid),
    .mem_req_ready(mem_req_ready),
    .mem_req_address(mem_req_address),
    .mem_req_swap(mem_req_swap),
    .mem_req_expected(mem_req_expected),
    .mem_req_new(mem_req_new),
    .mem_resp_valid(mem_resp_valid),
    .mem_resp_data(mem_resp_data),
    .mem_resp_error(mem_resp_error)
  );

  initial begin
    pending = 1'b0;
    has_va = 1'b0;
    flush_vpn = 20'd0;
    keep_global = 1'b0;
    split = 1'b0;
    row = 1'b0;
  end

  always @(posedge clock) begin
    pending <= pending_next;
    if (loads) begin
      has_va <= has_va_next;
      flush_vpn <= flush_vpn_next;
      keep_global <= keep_global_next;
    end
    split <= split_next;
    row <= row_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, fence_va[11:0], instruction_held_store};
endmodule

`default_nettype wire
