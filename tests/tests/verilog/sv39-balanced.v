// pagewalk_mmu: memory management unit, sv39, 39 virtual and 56 physical address bits
//
// identifier bits 7, tag bits 4
// instruction TLB: 16 sets x 2 ways of 4 KiB pages, 16 superpage rows, tree-PLRU
// data TLB: 16 sets x 2 ways of 4 KiB pages, 16 superpage rows, tree-PLRU
//
// Ports are valid/ready handshakes, `valid` never waits for `ready`. A hit is answered in the cycle after the
// request; a walk of n reads at memory latency L in 4 + n (1 + L) cycles. root, asid, pdpte_* and mode_* may
// change only while `busy` is low. Memory answers a compare-and-swap with the value it holds afterwards.
//
// Written by pagewalk 0.1.0: pagewalk emit --format sv39

`default_nettype none

module pagewalk_mmu_set_tlb_lane (
  input  wire        clock,
  input  wire        load,
  input  wire [26:0] vpn,
  input  wire  [6:0] asid,
  input  wire        read_grants,
  input  wire        write_grants,
  input  wire        execute_grants,
  input  wire        needs_dirty,
  input  wire        user_pages,
  input  wire        supervisor_pages,
  input  wire [26:0] held_vpn,
  output wire        matched,
  output wire        granted,
  input  wire        select,
  output wire [43:0] frame,
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  input  wire        write,
  input  wire        write_valid,
  input  wire  [4:0] write_rights,
  input  wire        write_global,
  input  wire [43:0] write_frame,
  input  wire  [2:0] write_page,
  input  wire  [2:0] write_memory_type,
  input  wire        drop,
  input  wire  [3:0] drop_row
);

  localparam [6:0] ASID_SHIFT = 7'd24;
  localparam [6:0] GLOBAL_SHIFT = 7'd31;
  localparam [6:0] PAGE_SHIFT = 7'd44;
  localparam [6:0] RIGHTS_SHIFT = 7'd32;
  localparam [6:0] TAG_SHIFT = 7'd4;
  localparam [6:0] TYPE_SHIFT = 7'd47;

  reg equal_0;
  reg equal_1;
  reg equal_2;
  reg space;
  reg rights_suffice;
  reg frame_due;

  (* ram_style = "distributed" *) reg [36:0] tag_ram [0:15];
  (* ram_style = "distributed" *) reg [49:0] frame_ram [0:15];
  integer initial_row;

  wire [36:0] row;
  wire [36:0] key;
  wire  [6:0] row_asid;
  wire        row_global;
  wire  [4:0] rights;
  wire        all_equal;
  wire [49:0] read_row;
  wire [43:0] read_frame;
  wire [43:0] whole_frame;
  wire  [2:0] read_page;
  wire  [2:0] read_type;
  wire [36:0] new_tag;
  wire [36:0] new_asid;
  wire [36:0] new_global;
  wire [36:0] new_rights;
  wire [49:0] new_frame;
  wire [49:0] new_page;
  wire [49:0] new_type;
  wire  [3:0] tag_ram_read_address;
  wire        tag_ram_write_enable;
  wire  [3:0] tag_ram_write_address;
  reg  [36:0] tag_ram_write_data;
  wire  [3:0] frame_ram_read_address;
  wire  [3:0] frame_ram_write_address;
  wire [49:0] frame_ram_write_data;
  wire        equal_0_next;
  wire        equal_1_next;
  wire        equal_2_next;
  wire        space_next;
  wire        rights_suffice_next;
  wire        frame_due_next;

  assign tag_ram_read_address = vpn[3:0];
  assign key = {10'd0, vpn >> TAG_SHIFT};
  assign all_equal = equal_0 && equal_1 && equal_2 && space;
  assign equal_0_next = ((row ^ ((key << 1) | 37'd1)) & 37'hff) == 37'd0;
  assign equal_1_next = ((row ^ ((key << 1) | 37'd1)) & 37'hff00) == 37'd0;
  assign equal_2_next = ((row ^ ((key << 1) | 37'd1)) & 37'hff0000) == 37'd0;
  assign row_asid = row[30:24];
  assign row_global = row[31];
  assign space_next = (row_asid == asid) || row_global;
  assign rights = row[36:32];
  assign rights_suffice_next = ((read_grants && rights[0])
                                || (write_grants && rights[1])
                                || (execute_grants && rights[2]))
                               && ((rights[3] && user_pages) || (!rights[3] && supervisor_pages))
                               && (rights[4] || !needs_dirty);
  assign matched = all_equal;
  assign granted = rights_suffice;
  assign frame_ram_read_address = held_vpn[3:0];
  assign read_frame = read_row[43:0];
  assign whole_frame = read_frame;
  assign read_page = read_row[46:44];
  assign read_type = read_row[49:47];
  assign frame = select ? whole_frame : 44'd0;
  assign page = select ? read_page : 3'd0;
  assign memory_type = select ? read_type : 3'd0;
  assign tag_ram_write_enable = write || drop;
  assign tag_ram_write_address = drop ? drop_row : held_vpn[3:0];
  assign new_tag = {10'd0, held_vpn >> TAG_SHIFT};
  assign new_asid = {30'd0, asid};
  assign new_global = write_global ? 37'd1 : 37'd0;
  assign new_rights = {32'd0, write_rights};

  always @* begin
    tag_ram_write_data = (new_tag << 1)
                         | (new_asid << ASID_SHIFT)
                         | (new_global << GLOBAL_SHIFT)
                         | (new_rights << RIGHTS_SHIFT);
    if (write_valid && !drop) begin
      tag_ram_write_data = (new_tag << 1)
                           | (new_asid << ASID_SHIFT)
                           | (new_global << GLOBAL_SHIFT)
                           | (new_rights << RIGHTS_SHIFT)
                           | 37'd1;
    end
  end

  assign frame_due_next = write && write_valid;
  assign frame_ram_write_address = held_vpn[3:0];
  assign new_frame = {6'd0, write_frame};
  assign new_page = {47'd0, write_page};
  assign new_type = {47'd0, write_memory_type};
  assign frame_ram_write_data = new_frame | (new_page << PAGE_SHIFT) | (new_type << TYPE_SHIFT);

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    tag_ram[initial_row] = 37'd0;
  assign row = tag_ram[tag_ram_read_address];
  always @(posedge clock) begin
    if (tag_ram_write_enable) tag_ram[tag_ram_write_address] <= tag_ram_write_data;
  end

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    frame_ram[initial_row] = 50'd0;
  assign read_row = frame_ram[frame_ram_read_address];
  always @(posedge clock) begin
    if (frame_due) frame_ram[frame_ram_write_address] <= frame_ram_write_data;
  end

  initial begin
    equal_0 = 1'b0;
    equal_1 = 1'b0;
    equal_2 = 1'b0;
    space = 1'b0;
    rights_suffice = 1'b0;
    frame_due = 1'b0;
  end

  always @(posedge clock) begin
    if (load) begin
      equal_0 <= equal_0_next;
      equal_1 <= equal_1_next;
      equal_2 <= equal_2_next;
      space <= space_next;
      rights_suffice <= rights_suffice_next;
    end
    frame_due <= frame_due_next;
  end
endmodule

module pagewalk_mmu_set_tlb_lane_2 (
  input  wire        clock,
  input  wire        load,
  input  wire [26:0] vpn,
  input  wire  [6:0] asid,
  input  wire        read_grants,
  input  wire        write_grants,
  input  wire        execute_grants,
  input  wire        needs_dirty,
  input  wire        user_pages,
  input  wire        supervisor_pages,
  input  wire [26:0] held_vpn,
  output wire        matched,
  output wire        granted,
  input  wire        select,
  output wire [43:0] frame,
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  input  wire        write,
  input  wire        write_valid,
  input  wire  [4:0] write_rights,
  input  wire        write_global,
  input  wire [43:0] write_frame,
  input  wire  [2:0] write_page,
  input  wire  [2:0] write_memory_type,
  input  wire        drop,
  input  wire  [3:0] drop_row
);

  localparam [6:0] ASID_SHIFT = 7'd15;
  localparam [6:0] FRAME_SHIFT = 7'd9;
  localparam [6:0] GLOBAL_SHIFT = 7'd22;
  localparam [43:0] LOW_FRAME = 44'h1ff;
  localparam [6:0] PAGE_SHIFT = 7'd35;
  localparam [6:0] RIGHTS_SHIFT = 7'd23;
  localparam [6:0] TAG_SHIFT = 7'd13;
  localparam [6:0] TYPE_SHIFT = 7'd38;

  reg equal_0;
  reg equal_1;
  reg space;
  reg rights_suffice;
  reg frame_due;

  (* ram_style = "distributed" *) reg [27:0] tag_ram [0:15];
  (* ram_style = "distributed" *) reg [40:0] frame_ram [0:15];
  integer initial_row;

  wire [27:0] row;
  wire [27:0] key;
  wire  [6:0] row_asid;
  wire        row_global;
  wire  [4:0] rights;
  wire        all_equal;
  wire [40:0] read_row;
  wire [34:0] read_frame;
  wire [43:0] whole_frame;
  wire  [2:0] read_page;
  wire  [2:0] read_type;
  wire [27:0] new_tag;
  wire [27:0] new_asid;
  wire [27:0] new_global;
  wire [27:0] new_rights;
  wire [40:0] new_frame;
  wire [40:0] new_page;
  wire [40:0] new_type;
  wire  [3:0] tag_ram_read_address;
  wire        tag_ram_write_enable;
  wire  [3:0] tag_ram_write_address;
  reg  [27:0] tag_ram_write_data;
  wire  [3:0] frame_ram_read_address;
  wire  [3:0] frame_ram_write_address;
  wire [40:0] frame_ram_write_data;
  wire        equal_0_next;
  wire        equal_1_next;
  wire        space_next;
  wire        rights_suffice_next;
  wire        frame_due_next;

  assign tag_ram_read_address = vpn[12:9];
  assign key = {1'b0, vpn >> TAG_SHIFT};
  assign all_equal = equal_0 && equal_1 && space;
  assign equal_0_next = ((row ^ ((key << 1) | 28'd1)) & 28'hff) == 28'd0;
  assign equal_1_next = ((row ^ ((key << 1) | 28'd1)) & 28'h7f00) == 28'd0;
  assign row_asid = row[21:15];
  assign row_global = row[22];
  assign space_next = (row_asid == asid) || row_global;
  assign rights = row[27:23];
  assign rights_suffice_next = ((read_grants && rights[0])
                                || (write_grants && rights[1])
                                || (execute_grants && rights[2]))
                               && ((rights[3] && user_pages) || (!rights[3] && supervisor_pages))
                               && (rights[4] || !needs_dirty);
  assign matched = all_equal;
  assign granted = rights_suffice;
  assign frame_ram_read_address = held_vpn[12:9];
  assign read_frame = read_row[34:0];
  assign whole_frame = {9'd0, read_frame};
  assign read_page = read_row[37:35];
  assign read_type = read_row[40:38];
  assign frame = select ? (whole_frame << FRAME_SHIFT) | ({17'd0, held_vpn} & LOW_FRAME) : 44'd0;
  assign page = select ? read_page : 3'd0;
  assign memory_type = select ? read_type : 3'd0;
  assign tag_ram_write_enable = write || drop;
  assign tag_ram_write_address = drop ? drop_row : held_vpn[12:9];
  assign new_tag = {1'b0, held_vpn >> TAG_SHIFT};
  assign new_asid = {21'd0, asid};
  assign new_global = write_global ? 28'd1 : 28'd0;
  assign new_rights = {23'd0, write_rights};

  always @* begin
    tag_ram_write_data = (new_tag << 1)
                         | (new_asid << ASID_SHIFT)
                         | (new_global << GLOBAL_SHIFT)
                         | (new_rights << RIGHTS_SHIFT);
    if (write_valid && !drop) begin
      tag_ram_write_data = (new_tag << 1)
                           | (new_asid << ASID_SHIFT)
                           | (new_global << GLOBAL_SHIFT)
                           | (new_rights << RIGHTS_SHIFT)
                           | 28'd1;
    end
  end

  assign frame_due_next = write && write_valid;
  assign frame_ram_write_address = held_vpn[12:9];
  assign new_frame = {6'd0, write_frame[43:9]};
  assign new_page = {38'd0, write_page};
  assign new_type = {38'd0, write_memory_type};
  assign frame_ram_write_data = new_frame | (new_page << PAGE_SHIFT) | (new_type << TYPE_SHIFT);

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    tag_ram[initial_row] = 28'd0;
  assign row = tag_ram[tag_ram_read_address];
  always @(posedge clock) begin
    if (tag_ram_write_enable) tag_ram[tag_ram_write_address] <= tag_ram_write_data;
  end

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    frame_ram[initial_row] = 41'd0;
  assign read_row = frame_ram[frame_ram_read_address];
  always @(posedge clock) begin
    if (frame_due) frame_ram[frame_ram_write_address] <= frame_ram_write_data;
  end

  initial begin
    equal_0 = 1'b0;
    equal_1 = 1'b0;
    space = 1'b0;
    rights_suffice = 1'b0;
    frame_due = 1'b0;
  end

  always @(posedge clock) begin
    if (load) begin
      equal_0 <= equal_0_next;
      equal_1 <= equal_1_next;
      space <= space_next;
      rights_suffice <= rights_suffice_next;
    end
    frame_due <= frame_due_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, write_frame[8:0]};
endmodule

module pagewalk_mmu_set_tlb (
  input  wire        clock,
  input  wire        load,
  input  wire [26:0] vpn,
  input  wire  [6:0] asid,
  input  wire        read_grants,
  input  wire        write_grants,
  input  wire        execute_grants,
  input  wire        needs_dirty,
  input  wire        user_pages,
  input  wire        supervisor_pages,
  input  wire        held,
  input  wire [26:0] held_vpn,
  input  wire        walker_answers,
  output wire        hit,
  output wire [43:0] frame,
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  input  wire        refill,
  input  wire        refill_superpage,
  input  wire  [4:0] refill_rights,
  input  wire        refill_global,
  input  wire [43:0] refill_frame,
  input  wire  [2:0] refill_page,
  input  wire  [2:0] refill_memory_type,
  input  wire        drop,
  input  wire        drop_by_address,
  input  wire  [3:0] drop_row,
  input  wire [26:0] drop_vpn
);

  localparam [2:0] SMALL_WAYS = 3'd3;

  (* ram_style = "distributed" *) reg state_ram [0:15];
  integer initial_row;

  reg   [2:0] matching;
  reg         several;
  wire        grants;
  wire [43:0] frame_sum;
  wire  [2:0] page_sum;
  wire  [2:0] type_sum;
  wire        hits;
  wire        small_page_refill;
  wire        in_place;
  wire        state;
  wire        next_state;
  reg   [2:0] victims;
  reg   [2:0] refilled;
  wire  [2:0] touched;
  wire        lane_0_matched;
  wire        lane_0_granted;
  wire        lane_0_select;
  wire [43:0] lane_0_frame;
  wire  [2:0] lane_0_page;
  wire  [2:0] lane_0_memory_type;
  wire        lane_0_write;
  wire        lane_0_write_valid;
  wire  [3:0] lane_0_drop_row;
  wire        lane_1_matched;
  wire        lane_1_granted;
  wire        lane_1_select;
  wire [43:0] lane_1_frame;
  wire  [2:0] lane_1_page;
  wire  [2:0] lane_1_memory_type;
  wire        lane_1_write;
  wire        lane_1_write_valid;
  wire  [3:0] lane_1_drop_row;
  wire        lane_2_matched;
  wire        lane_2_granted;
  wire        lane_2_select;
  wire [43:0] lane_2_frame;
  wire  [2:0] lane_2_page;
  wire  [2:0] lane_2_memory_type;
  wire        lane_2_write;
  wire        lane_2_write_valid;
  wire  [3:0] lane_2_drop_row;
  wire  [3:0] state_ram_read_address;
  wire        state_ram_write_enable;
  wire  [3:0] state_ram_write_address;

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
  assign frame_sum = lane_0_frame | lane_1_frame | lane_2_frame;
  assign page_sum = lane_0_page | lane_1_page | lane_2_page;
  assign type_sum = lane_0_memory_type | lane_1_memory_type | lane_2_memory_type;
  assign lane_0_select = lane_0_matched && !walker_answers;
  assign lane_1_select = lane_1_matched && !walker_answers;
  assign lane_2_select = lane_2_matched && !walker_answers;
  assign hits = grants && !several;
  assign hit = hits;
  assign frame = frame_sum;
  assign page = page_sum;
  assign memory_type = type_sum;
  assign state_ram_read_address = held_vpn[3:0];
  assign small_page_refill = !refill_superpage;
  assign in_place = |(matching & SMALL_WAYS);

  always @* begin
    victims = 3'd0;
    if (state == 1'b0) victims[0] = 1'b1;
    if ((state ^ 1'b1) == 1'b0) victims[1] = 1'b1;
  end

  always @* begin
    refilled = 3'd0;
    if (in_place && matching[0] && !(|refilled)) refilled[0] = 1'b1;
    if (in_place && matching[1] && !(|refilled)) refilled[1] = 1'b1;
    if (!in_place) refilled = victims;
    if (refill_superpage) refilled = 3'd4;
  end

  assign lane_0_write = refill && (refilled[0] || matching[0]);
  assign lane_0_write_valid = refilled[0];
  assign lane_1_write = refill && (refilled[1] || matching[1]);
  assign lane_1_write_valid = refilled[1];
  assign lane_2_write = refill && (refilled[2] || matching[2]);
  assign lane_2_write_valid = refilled[2];
  assign lane_0_drop_row = drop_by_address ? drop_vpn[3:0] : drop_row;
  assign lane_1_drop_row = drop_by_address ? drop_vpn[3:0] : drop_row;
  assign lane_2_drop_row = drop_by_address ? drop_vpn[12:9] : drop_row;
  assign touched = (refill && small_page_refill)
                   ? refilled
                   : (held && hits) ? matching & SMALL_WAYS : 3'd0;
  assign next_state = !(touched[1] && !drop) && touched[0] && !drop;
  assign state_ram_write_enable = (|touched) || drop;
  assign state_ram_write_address = drop
                                   ? (drop_by_address ? drop_vpn[3:0] : drop_row)
                                   : held_vpn[3:0];

  initial for (initial_row = 0; initial_row < 16; initial_row = initial_row + 1)
    state_ram[initial_row] = 1'b0;
  assign state = state_ram[state_ram_read_address];
  always @(posedge clock) begin
    if (state_ram_write_enable) state_ram[state_ram_write_address] <= next_state;
  end

  pagewalk_mmu_set_tlb_lane lane_0 (
    .clock(clock),
    .load(load),
    .vpn(vpn),
    .asid(asid),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .held_vpn(held_vpn),
    .matched(lane_0_matched),
    .granted(lane_0_granted),
    .select(lane_0_select),
    .frame(lane_0_frame),
    .page(lane_0_page),
    .memory_type(lane_0_memory_type),
    .write(lane_0_write),
    .write_valid(lane_0_write_valid),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_frame(refill_frame),
    .write_page(refill_page),
    .write_memory_type(refill_memory_type),
    .drop(drop),
    .drop_row(lane_0_drop_row)
  );

  pagewalk_mmu_set_tlb_lane lane_1 (
    .clock(clock),
    .load(load),
    .vpn(vpn),
    .asid(asid),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .held_vpn(held_vpn),
    .matched(lane_1_matched),
    .granted(lane_1_granted),
    .select(lane_1_select),
    .frame(lane_1_frame),
    .page(lane_1_page),
    .memory_type(lane_1_memory_type),
    .write(lane_1_write),
    .write_valid(lane_1_write_valid),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_frame(refill_frame),
    .write_page(refill_page),
    .write_memory_type(refill_memory_type),
    .drop(drop),
    .drop_row(lane_1_drop_row)
  );

  pagewalk_mmu_set_tlb_lane_2 lane_2 (
    .clock(clock),
    .load(load),
    .vpn(vpn),
    .asid(asid),
    .read_grants(read_grants),
    .write_grants(write_grants),
    .execute_grants(execute_grants),
    .needs_dirty(needs_dirty),
    .user_pages(user_pages),
    .supervisor_pages(supervisor_pages),
    .held_vpn(held_vpn),
    .matched(lane_2_matched),
    .granted(lane_2_granted),
    .select(lane_2_select),
    .frame(lane_2_frame),
    .page(lane_2_page),
    .memory_type(lane_2_memory_type),
    .write(lane_2_write),
    .write_valid(lane_2_write_valid),
    .write_rights(refill_rights),
    .write_global(refill_global),
    .write_frame(refill_frame),
    .write_page(refill_page),
    .write_memory_type(refill_memory_type),
    .drop(drop),
    .drop_row(lane_2_drop_row)
  );

  // Read by nothing.
  wire unused = &{1'b0, drop_vpn[8:4], drop_vpn[26:13]};
endmodule

module pagewalk_mmu_instruction (
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
  input  wire  [6:0] asid,
  output wire        occupied,
  output wire        waits,
  output wire [26:0] held_vpn,
  output wire        held_noncanonical,
  output wire        held_user,
  output wire        held_store,
  input  wire        walk_done,
  output wire        taken,
  input  wire [43:0] walk_frame,
  input  wire  [2:0] walk_page,
  input  wire  [2:0] walk_memory_type,
  input  wire  [1:0] walk_fault,
  input  wire  [4:0] walk_code,
  input  wire        refill,
  input  wire        refill_superpage,
  input  wire  [4:0] refill_rights,
  input  wire        refill_global,
  input  wire  [1:0] refill_ignored,
  input  wire        fence,
  input  wire  [3:0] fence_row,
  input  wire        fence_has_va,
  input  wire [26:0] fence_vpn,
  input  wire        fence_has_asid,
  input  wire  [6:0] fence_asid,
  input  wire        fence_keep_global
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
  wire        tlb_hit;
  wire [43:0] tlb_frame;
  wire  [2:0] tlb_page;
  wire  [2:0] tlb_type;
  wire        answered;
  wire        takes;
  wire        ready;
  wire        user_pages;
  wire [43:0] walked_frame;
  wire [55:0] wide_frame;
  wire [55:0] wide_offset;
  wire [11:0] offset;
  wire [26:0] req_vpn;
  wire [26:0] s1_vpn;
  wire [25:0] upper;
  wire        set_tlb_supervisor_pages;
  wire        valid_next;
  wire        upper_all_zero_next;
  wire        upper_all_one_next;

  assign held_store = 1'b0;
  assign canonical = upper_all_zero || upper_all_one;
  assign checked = valid && canonical;
  assign answered = (checked && tlb_hit) || walk_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign taken = takes;
  assign waits = valid && !(canonical && tlb_hit);
  assign occupied = valid;
  assign held_noncanonical = !canonical;
  assign req_vpn = req_va[38:12];
  assign user_pages = req_user;
  assign resp_tag = tag;
  assign upper = req_va[63:38];
  assign upper_all_zero_next = !(|upper);
  assign upper_all_one_next = &upper;
  assign s1_vpn = va[38:12];
  assign held_vpn = s1_vpn;
  assign held_user = user;
  assign set_tlb_supervisor_pages = !req_user;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = walk_done ? walk_frame : 44'd0;
  assign resp_fault = walk_done ? walk_fault : 2'd0;
  assign resp_code = walk_done ? walk_code : 5'd0;
  assign resp_served = walk_done ? 2'd3 : 2'd0;
  assign resp_page = walk_done ? walk_page : tlb_page;
  assign resp_memory_type = walk_done ? walk_memory_type : tlb_type;
  assign offset = walk_done ? ((|walk_fault) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, tlb_frame | walked_frame};
  assign wide_offset = {44'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  pagewalk_mmu_set_tlb set_tlb (
    .clock(clock),
    .load(accept),
    .vpn(req_vpn),
    .asid(asid),
    .read_grants(1'b0),
    .write_grants(1'b0),
    .execute_grants(1'b1),
    .needs_dirty(1'b0),
    .user_pages(user_pages),
    .supervisor_pages(set_tlb_supervisor_pages),
    .held(checked),
    .held_vpn(s1_vpn),
    .walker_answers(walk_done),
    .hit(tlb_hit),
    .frame(tlb_frame),
    .page(tlb_page),
    .memory_type(tlb_type),
    .refill(refill),
    .refill_superpage(refill_superpage),
    .refill_rights(refill_rights),
    .refill_global(refill_global),
    .refill_frame(walk_frame),
    .refill_page(walk_page),
    .refill_memory_type(walk_memory_type),
    .drop(fence),
    .drop_by_address(fence_has_va),
    .drop_row(fence_row),
    .drop_vpn(fence_vpn)
  );

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
  wire unused = &{1'b0, refill_ignored, fence_has_asid, fence_asid, fence_keep_global};
endmodule

module pagewalk_mmu_data (
  input  wire        clock,
  input  wire        reset,
  input  wire        blocked,
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
  input  wire  [6:0] asid,
  input  wire        mode_sum,
  input  wire        mode_mxr,
  output wire        occupied,
  output wire        waits,
  output wire [26:0] held_vpn,
  output wire        held_noncanonical,
  output wire        held_user,
  output wire        held_store,
  input  wire        walk_done,
  output wire        taken,
  input  wire [43:0] walk_frame,
  input  wire  [2:0] walk_page,
  input  wire  [2:0] walk_memory_type,
  input  wire  [1:0] walk_fault,
  input  wire  [4:0] walk_code,
  input  wire        refill,
  input  wire        refill_superpage,
  input  wire  [4:0] refill_rights,
  input  wire        refill_global,
  input  wire  [1:0] refill_ignored,
  input  wire        fence,
  input  wire  [3:0] fence_row,
  input  wire        fence_has_va,
  input  wire [26:0] fence_vpn,
  input  wire        fence_has_asid,
  input  wire  [6:0] fence_asid,
  input  wire        fence_keep_global
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
  wire        tlb_hit;
  wire [43:0] tlb_frame;
  wire  [2:0] tlb_page;
  wire  [2:0] tlb_type;
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
  wire [26:0] req_vpn;
  wire [26:0] s1_vpn;
  wire [25:0] upper;
  wire        set_tlb_supervisor_pages;
  wire        valid_next;
  wire        upper_all_zero_next;
  wire        upper_all_one_next;

  assign canonical = upper_all_zero || upper_all_one;
  assign checked = valid && canonical;
  assign answered = (checked && tlb_hit) || walk_done;
  assign takes = answered && resp_ready;
  assign ready = !blocked && (!valid || takes);
  assign accept = req_valid && ready;
  assign valid_next = !reset && (accept || (valid && !takes));
  assign req_ready = ready;
  assign taken = takes;
  assign waits = valid && !(canonical && tlb_hit);
  assign occupied = valid;
  assign held_noncanonical = !canonical;
  assign req_vpn = req_va[38:12];
  assign is_store = req_store;
  assign is_load = !req_store;
  assign read_grants = is_load;
  assign execute_grants = is_load && mode_mxr;
  assign user_pages = req_user || mode_sum;
  assign held_store = store;
  assign resp_tag = tag;
  assign upper = req_va[63:38];
  assign upper_all_zero_next = !(|upper);
  assign upper_all_one_next = &upper;
  assign s1_vpn = va[38:12];
  assign held_vpn = s1_vpn;
  assign held_user = user;
  assign set_tlb_supervisor_pages = !req_user;
  assign resp_valid = answered;
  assign resp_va = va;
  assign walked_frame = walk_done ? walk_frame : 44'd0;
  assign resp_fault = walk_done ? walk_fault : 2'd0;
  assign resp_code = walk_done ? walk_code : 5'd0;
  assign resp_served = walk_done ? 2'd3 : 2'd0;
  assign resp_page = walk_done ? walk_page : tlb_page;
  assign resp_memory_type = walk_done ? walk_memory_type : tlb_type;
  assign offset = walk_done ? ((|walk_fault) ? 12'd0 : va[11:0]) : va[11:0];
  assign wide_frame = {12'd0, tlb_frame | walked_frame};
  assign wide_offset = {44'd0, offset};
  assign resp_pa = (wide_frame << 12) | wide_offset;

  pagewalk_mmu_set_tlb set_tlb (
    .clock(clock),
    .load(accept),
    .vpn(req_vpn),
    .asid(asid),
    .read_grants(read_grants),
    .write_grants(is_store),
    .execute_grants(execute_grants),
    .needs_dirty(is_store),
    .user_pages(user_pages),
    .supervisor_pages(set_tlb_supervisor_pages),
    .held(checked),
    .held_vpn(s1_vpn),
    .walker_answers(walk_done),
    .hit(tlb_hit),
    .frame(tlb_frame),
    .page(tlb_page),
    .memory_type(tlb_type),
    .refill(refill),
    .refill_superpage(refill_superpage),
    .refill_rights(refill_rights),
    .refill_global(refill_global),
    .refill_frame(walk_frame),
    .refill_page(walk_page),
    .refill_memory_type(walk_memory_type),
    .drop(fence),
    .drop_by_address(fence_has_va),
    .drop_row(fence_row),
    .drop_vpn(fence_vpn)
  );

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
  wire unused = &{1'b0, refill_ignored, fence_has_asid, fence_asid, fence_keep_global};
endmodule

module pagewalk_mmu_walker_verdict (
  input  wire [63:0] entry,
  input  wire  [1:0] level,
  input  wire        bus_error,
  input  wire        without_reads,
  input  wire        noncanonical,
  input  wire [26:0] vpn,
  input  wire        user,
  input  wire        store,
  input  wire        fetch,
  input  wire        all_writable,
  input  wire        all_user,
  input  wire        all_executable,
  input  wire        any_global,
  input  wire        mode_sum,
  input  wire        mode_mxr,
  input  wire        mode_adue,
  input  wire        mode_svnapot,
  input  wire        mode_pbmte,
  output wire        updates,
  output wire [63:0] updated,
  output wire        succeeds,
  output wire  [1:0] fault,
  output wire  [4:0] code,
  output wire [43:0] frame,
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  output wire        cacheable,
  output wire        superpage,
  output wire  [4:0] rights,
  output wire        is_global,
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
  wire  [2:0] page_bits;
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
  assign permitted = ((fetch && can_execute)
                      || (store && can_write)
                      || (!fetch && !store && (can_read || (can_execute && mode_mxr))))
                     && ((for_user && (user || (!fetch && mode_sum))) || (!for_user && !user));
  assign is_global = any_global || pte[5];

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
      if (fetch) code_bits = 5'hc;
      if (store) code_bits = 5'hf;
    end
    if (access_fault) begin
      code_bits = 5'd5;
      if (fetch) code_bits = 5'd1;
      if (store) code_bits = 5'd7;
    end
  end

  assign type_bits = {1'b0, pbmt};
  assign leaf_frame = pte[53:10];
  assign stale = !accessed || (store && !dirty);
  assign low_bits = napot ? 44'hf : (level == 2'd2) ? 44'h3ffff : (level == 2'd1) ? 44'h1ff : 44'd0;
  assign page_bits = napot ? 3'd5 : {1'b0, level};
  assign ignored = (level == 2'd2) ? 2'd3 : (level == 2'd1) ? 2'd1 : 2'd0;
  assign vpn_frame = {17'd0, vpn};
  assign ok = !page_fault && !access_fault && !needs_update;
  assign succeeds = ok;
  assign superpage = !at_bottom;
  assign frame = ok ? (leaf_frame & ~low_bits) | (vpn_frame & low_bits) : 44'd0;
  assign page = ok ? page_bits : 3'd0;
  assign memory_type = ok ? type_bits : 3'd0;

  always @* begin
    rights_bits = 5'd0;
    rights_bits[0] = can_read;
    rights_bits[1] = can_write;
    rights_bits[2] = can_execute;
    rights_bits[3] = for_user;
    rights_bits[4] = dirty;
  end

  assign rights = rights_bits;
  assign fault = access_fault ? 2'd2 : page_fault ? 2'd1 : 2'd0;
  assign code = code_bits;
  assign updates = needs_update;
  assign updated = (store && leaf) ? pte | ACCESSED_DIRTY_BITS : pte | ACCESSED_BIT;

  // Read by nothing.
  wire unused = &{1'b0, noncanonical, all_writable, all_user, all_executable};
endmodule

module pagewalk_mmu_walker (
  input  wire        clock,
  input  wire        reset,
  input  wire        start,
  input  wire [26:0] start_vpn,
  input  wire        start_noncanonical,
  input  wire        start_user,
  input  wire        start_store,
  input  wire        start_fetch,
  input  wire [43:0] root,
  input  wire        mode_sum,
  input  wire        mode_mxr,
  input  wire        mode_adue,
  input  wire        mode_svnapot,
  input  wire        mode_pbmte,
  output wire        is_idle,
  output wire        refill,
  output wire        refill_superpage,
  output wire  [4:0] refill_rights,
  output wire        refill_global,
  output wire  [2:0] refill_page,
  output wire  [1:0] refill_ignored,
  output wire        page_fault,
  output wire        is_done,
  input  wire        taken,
  output wire        fetch,
  output wire [43:0] frame,
  output wire  [2:0] page,
  output wire  [2:0] memory_type,
  output wire  [1:0] fault,
  output wire  [4:0] code,
  output wire        mem_req_valid,
  input  wire        mem_req_ready,
  output wire [55:0] mem_req_address,
  output wire        mem_req_swap,
  output wire [63:0] mem_req_expected,
  output wire [63:0] mem_req_new,
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
  reg [26:0] walk_vpn;
  reg        noncanonical;
  reg        user;
  reg        store;
  reg        for_fetch;
  reg  [1:0] level;
  reg [43:0] table_frame;
  reg  [8:0] index;
  reg [63:0] entry;
  reg        bus_error;
  reg        without_reads;
  reg        all_writable;
  reg        all_user;
  reg        all_executable;
  reg        any_global;
  reg [43:0] result_frame;
  reg  [2:0] result_page;
  reg  [2:0] result_type;
  reg  [1:0] result_fault;
  reg  [4:0] result_code;

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
  wire        any_global_next;
  wire        verdict_succeeds;
  wire  [1:0] verdict_fault;
  wire  [4:0] verdict_code;
  wire [43:0] verdict_frame;
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
  assign verdict_at_look = noncanonical;
  assign first_table = root;
  assign first_index = walk_vpn[26:18];
  assign answer = mem_resp_data;
  assign at_level = level;
  assign descend = ((answer & POINTER_MASK) == POINTER_VALUE)
                   && (at_level != 2'd0)
                   && !mem_resp_error;
  assign next_table = answer[53:10];
  assign next_index = (at_level == 2'd2)
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
  assign any_global_next = !look && (any_global || answer[5]);
  assign wide_table = {12'd0, table_frame};
  assign wide_index = {47'd0, index};
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
    .mode_sum(mode_sum),
    .mode_mxr(mode_mxr),
    .mode_adue(mode_adue),
    .mode_svnapot(mode_svnapot),
    .mode_pbmte(mode_pbmte),
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
    walk_vpn = 27'd0;
    noncanonical = 1'b0;
    user = 1'b0;
    store = 1'b0;
    for_fetch = 1'b0;
    level = 2'd0;
    table_frame = 44'd0;
    index = 9'd0;
    entry = 64'd0;
    bus_error = 1'b0;
    without_reads = 1'b0;
    all_writable = 1'b0;
    all_user = 1'b0;
    all_executable = 1'b0;
    any_global = 1'b0;
    result_frame = 44'd0;
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
      all_writable <= look;
      all_user <= look;
      all_executable <= look;
      any_global <= any_global_next;
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

  localparam [2:0] DATA_WHOLE = 3'd1;
  localparam [2:0] FETCH_WHOLE = 3'd1;
  localparam [3:0] LAST_ROW = 4'd15;

  reg        pending;
  reg        has_va;
  reg [26:0] flush_vpn;
  reg        has_asid;
  reg  [6:0] flush_asid;
  reg        keep_global;
  reg        split;
  reg  [3:0] row;

  wire        data_waits;
  wire        fetch_waits;
  wire        fence_taken;
  wire        widened;
  wire        loads;
  wire        carried_out;
  wire        finishes;
  wire        by_address;
  wire        splits;
  wire        instruction_occupied;
  wire [26:0] instruction_held_vpn;
  wire        instruction_held_noncanonical;
  wire        instruction_held_user;
  wire        instruction_held_store;
  wire        instruction_walk_done;
  wire        instruction_taken;
  wire        instruction_refill;
  wire        data_occupied;
  wire [26:0] data_held_vpn;
  wire        data_held_noncanonical;
  wire        data_held_user;
  wire        data_held_store;
  wire        data_walk_done;
  wire        data_taken;
  wire        data_refill;
  wire        walker_start;
  wire [26:0] walker_start_vpn;
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
  wire  [1:0] walker_refill_ignored;
  wire        walker_page_fault;
  wire        walker_is_done;
  wire        walker_taken;
  wire [43:0] walker_frame;
  wire  [2:0] walker_page;
  wire  [2:0] walker_memory_type;
  wire  [1:0] walker_fault;
  wire  [4:0] walker_code;
  wire        pending_next;
  wire        has_va_next;
  wire [26:0] flush_vpn_next;
  wire        has_asid_next;
  wire        keep_global_next;
  wire        split_next;
  wire  [3:0] row_next;

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
  assign widened = reset;
  assign loads = fence_taken || reset;
  assign carried_out = pending && !instruction_occupied && !data_occupied && walker_is_idle;
  assign by_address = has_va && !split;
  assign finishes = carried_out && (by_address || (row == LAST_ROW));
  assign splits = mem_req_port ? FETCH_WHOLE < walker_refill_page : DATA_WHOLE < walker_refill_page;
  assign split_next = (walker_refill && splits) || (split && !(finishes && !by_address));
  assign pending_next = loads || (pending && !finishes);
  assign row_next = (finishes || reset) ? 4'd0 : carried_out ? row + 4'd1 : row;
  assign has_va_next = fence_has_va && !widened;
  assign flush_vpn_next = fence_va[38:12];
  assign keep_global_next = fence_keep_global && !widened;
  assign has_asid_next = fence_has_asid && !widened;
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
    .asid(asid),
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
    .fence_has_asid(has_asid),
    .fence_asid(flush_asid),
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
    .asid(asid),
    .mode_sum(mode_sum),
    .mode_mxr(mode_mxr),
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
    .fence_has_asid(has_asid),
    .fence_asid(flush_asid),
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
    .root(root),
    .mode_sum(mode_sum),
    .mode_mxr(mode_mxr),
    .mode_adue(mode_adue),
    .mode_svnapot(mode_svnapot),
    .mode_pbmte(mode_pbmte),
    .is_idle(walker_is_idle),
    .refill(walker_refill),
    .refill_superpage(walker_refill_superpage),
    .refill_rights(walker_refill_rights),
    .refill_global(walker_refill_global),
    .refill_page(walker_refill_page),
    .refill_ignored(walker_refill_ignored),
    .page_fault(walker_page_fault),
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
    flush_vpn = 27'd0;
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
      flush_vpn <= flush_vpn_next;
      has_asid <= has_asid_next;
      flush_asid <= fence_asid;
      keep_global <= keep_global_next;
    end
    split <= split_next;
    row <= row_next;
  end

  // Read by nothing.
  wire unused = &{1'b0, fence_va[11:0], fence_va[63:39], instruction_held_store, walker_page_fault};
endmodule

`default_nettype wire
