//! The faults. Every one is what an engineer might write by mistake, not random damage.
//!
//! Each stands in the smallest specimen that can show it; both structures of TLB and all kinds of formats occur.
//! No more than 64: so many compiled models are kept from one run to the next.

use super::{Edit, Fault, Specimen};
use pagewalk_arch::PagingFormat;

const fn specimen(format: PagingFormat, preset: &'static str) -> Specimen {
    Specimen { format, preset, physical_bits: None }
}

const SV32: Specimen = specimen(PagingFormat::Sv32, "small");
const SV39: Specimen = specimen(PagingFormat::Sv39, "balanced");
const SV39_36_BITS: Specimen =
    Specimen { format: PagingFormat::Sv39, preset: "small", physical_bits: Some(36) };
const SV39_FULL: Specimen = specimen(PagingFormat::Sv39, "associative");
const SV48_ROTATING: Specimen = specimen(PagingFormat::Sv48, "rotating");
const X86_32: Specimen = specimen(PagingFormat::X86Legacy, "small");
const PAE_FULL: Specimen = specimen(PagingFormat::X86Pae, "associative");
const LA48: Specimen = specimen(PagingFormat::La48, "wide");

macro_rules! faults {
    ($($specimen:ident: $name:literal, $($module:literal: $find:literal => $replace:literal),+;)*) => {
        /// All faults.
        pub const CATALOGUE: &[Fault] = &[$(Fault {
            name: $name,
            specimen: $specimen,
            edits: &[$(Edit { module: $module, find: $find, replace: $replace }),+],
        }),*];
    };
}

faults! {
    // The walk: addresses.
    SV39: "offset mask of a 1 GiB page is cut",
        "walker_verdict": "44'h3ffff" => "44'h1ffff";
    SV39: "the middle table is indexed with the lowest index",
        "walker": "? access_vpn[17:9]" => "? access_vpn[8:0]";
    SV39: "entries are addressed as if they had four bytes",
        "walker": "ENTRY_SHIFT = 7'd3" => "ENTRY_SHIFT = 7'd2";
    SV39: "tables are addressed one bit too low",
        "walker": "(wide_table << 12)" => "(wide_table << 11)";
    SV39: "high frame bits of the root are cut",
        "walker": "first_table = root" => "first_table = {17'd0, root[26:0]}";
    SV39: "high frame bits of pointers are cut",
        "walker": "next_table = answer[53:10]" => "next_table = {17'd0, answer[36:10]}";
    SV32: "the walk of Sv32 begins at the lower level",
        "walker": "look || (at_level - 1'b1)" => "!look && (at_level - 1'b1)";
    PAE_FULL: "two PDPTEs are mistaken for each other",
        "walker": "(pdpte_index == 2'd2) pdpte_used = pdpte_2" => "(pdpte_index == 2'd2) pdpte_used = pdpte_3";
    X86_32: "PSE-36 puts the upper address bits one too high",
        "walker_verdict": "<< 20) & PSE36_MASK" => "<< 21) & PSE36_MASK";

    // The walk: what makes an entry invalid.
    SV39: "misaligned 2 MiB pages pass",
        "walker_verdict": "if ((level == 2'd1) && (|(pte & 64'h7fc00))) misaligned = 1'b1;" => "";
    SV39: "the lowest reserved bit is not checked",
        "walker_verdict": "64'h1fc0000000000000" => "64'h1f80000000000000";
    SV39: "PBMT 3 passes",
        "walker_verdict": "|| (pbmt == 2'd3)" => "";
    SV39: "PBMT passes without PBMTE",
        "walker_verdict": "|| ((|pbmt) && !mode_pbmte)" => "";
    SV39: "a malformed Svnapot page number passes",
        "walker_verdict": "(pte[13:10] != 4'd8)" => "1'b0";
    SV39: "W without R passes",
        "walker_verdict": "|| (!can_read && can_write)" => "";
    SV39: "a pointer with A passes",
        "walker": "64'hffc00000000000df" => "64'hffc000000000009f";
    SV39_36_BITS: "frames beyond the implemented memory pass",
        "walker_verdict": "access_fault = beyond;" => "access_fault = 1'b0;",
        "walker_verdict": "needs_update = stale && !beyond;" => "needs_update = stale;";
    LA48: "XD passes without NXE",
        "walker": "if (answer[63] && !mode_nxe) descend = 1'b0;" => "",
        "walker_verdict": "(no_execute && !mode_nxe) ||" => "";
    LA48: "PS passes in a PML4E",
        "walker": "64'ha1" => "64'h21";
    PAE_FULL: "a reserved PDPTE passes",
        "walker": "64'hfff00000000001e7" => "64'h1";
    X86_32: "large pages are seen without CR4.PSE",
        "walker_verdict": "(pte[7] && mode_pse)" => "pte[7]";

    // The walk: rights, G, A and D, what it reports.
    SV39: "SUM lets supervisor fetch from user pages",
        "walker_verdict": "(!access_fetch && mode_sum)" => "mode_sum";
    SV39: "MXR does nothing in the walker",
        "walker_verdict": "(can_execute && mode_mxr)" => "1'b0";
    SV32: "user code reaches supervisor pages in the walker",
        "walker_verdict": "(!for_user && !access_user)" => "!for_user";
    LA48: "CR0.WP is ignored in the walker",
        "walker_verdict": "(!access_user && !mode_wp)" => "!access_user";
    LA48: "CR4.SMEP is ignored in the walker",
        "walker_verdict": "((access_fetch && mode_smep) ||" => "(";
    LA48: "EFLAGS.AC does not lift SMAP in the walker",
        "walker_verdict": "mode_smap && !mode_ac" => "mode_smap";
    LA48: "XD of upper levels is forgotten",
        "walker": "upper_executable && !answer[63]" => "!answer[63]";
    LA48: "R/W of upper levels is forgotten",
        "walker": "upper_writable && answer[1]" => "answer[1]";
    PAE_FULL: "U/S of upper levels is forgotten",
        "walker_verdict": "upper_user && pte[2]" => "pte[2]";
    SV39: "G of all but the last pointer is forgotten",
        "walker": "(upper_global || answer[5])" => "answer[5]";
    LA48: "CR4.PGE is ignored",
        "walker_verdict": "pte[8] && mode_pge" => "pte[8]";
    SV39: "A is never set on loads",
        "walker_verdict": "!accessed || (access_store && !dirty)" => "access_store && !dirty";
    SV39: "D is never set",
        "walker_verdict": "|| (access_store && !dirty)" => "";
    LA48: "A of pointers is never set",
        "walker": "64'ha1" => "64'h81",
        "walker": "64'h21" => "64'h1";
    SV39: "a swap expects what it is about to store",
        "walker": "mem_req_expected = entry" => "mem_req_expected = mem_req_new";
    SV39: "a swap is taken for a read",
        "walker": "mem_req_swap = swap" => "mem_req_swap = 1'b0";
    SV39: "a bus error is taken for data",
        "walker": "bus_error_next = answered && mem_resp_error" => "bus_error_next = 1'b0";
    SV39: "the cause of a store's page fault is that of a load",
        "walker_verdict": "code_bits = 5'hf" => "code_bits = 5'hd";
    LA48: "the error code forgets I/D with SMEP alone",
        "walker_verdict": "if (access_fetch && mode_smep) code_bits[4] = 1'b1;" => "";
    SV39: "the bits of PBMT are swapped",
        "walker_verdict": "pbmt = pte[62:61]" => "pbmt = {pte[61], pte[62]}";

    // The TLBs: what grants.
    SV39: "ASIDs are compared without their top bit",
        "set_tlb_lane": "(row_asid == asid)" => "(row_asid[5:0] == asid[5:0])";
    SV39: "the highest tag bits are not compared",
        "set_tlb_lane": "& 37'hff0000)" => "& 37'h7f0000)";
    SV39: "a hit needs no D for a store",
        "set_tlb_lane_judge": "(rights[4] || !needs_dirty)" => "1'b1";
    SV39: "supervisor pages of the superpage array are open to user code",
        "set_tlb_lane_2": ".needs_supervisor_pages(needs_supervisor_pages)" => ".needs_supervisor_pages(1'b1)";
    LA48: "CR4.SMAP is ignored on hits",
        "data_pipeline": "req_user || !mode_smap || mode_ac" => "1'b1";
    SV39: "several matches are a hit",
        "set_tlb": "hits = grants && !several" => "hits = grants";
    SV39: "the top address bit is left out of the canonical check",
        "data_pipeline": "upper_all_one_next = &upper" => "upper_all_one_next = &upper[24:0]";

    // The TLBs: what is replaced.
    SV39: "a refill in place takes the victim",
        "set_tlb_victim": "in_place = |matching" => "in_place = 1'b0";
    SV39: "an entry that a superpage replaces stays",
        "set_tlb": "lane_1_write = refill_valid && (refilled[1] || matching[1])" =>
            "lane_1_write = refill_valid && refilled[1]";
    LA48: "a touch of way 2 points to way 2",
        "set_tlb_victim": "(state & 3'd2) | 3'd4" => "state & 3'd2";
    SV48_ROTATING: "the round-robin pointer advances on refills in place",
        "set_tlb_victim": "(refill && !in_place)" => "refill";
    SV39_FULL: "the tree of the associative TLB forgets a node",
        "full_tlb_victim": "(state & 7'h6c) | 7'h11" => "(state & 7'h7c) | 7'h1";

    // Fences.
    SV39: "a fence by address drops the wrong superpage row",
        "set_tlb": "drop_vpn[12:9]" => "drop_vpn[11:8]";
    SV39: "a fence drops nothing in the superpage array",
        "set_tlb": ".drop(drop_valid),\n    .drop_row(lane_2_drop_row)" =>
            ".drop(1'b0),\n    .drop_row(lane_2_drop_row)";
    SV39: "a sweep ends one row early",
        "fences": "LAST_ROW = 4'd15" => "LAST_ROW = 4'd14";
    SV32: "a fence by address forgets that leaves were split",
        "fences": "by_address = has_va && !split" => "by_address = has_va";
    SV39_FULL: "a fence of an ASID drops every ASID",
        "full_tlb_entry": "(!fence_has_asid || asid_equal)" => "1'b1";
    PAE_FULL: "the fence after a page fault is left out",
        "fences": "loads = fence_taken || faulted || reset" => "loads = fence_taken || reset";

    // Ports and arbitration.
    SV39: "fetches walk before loads",
        "misses": "to_access_fetch = data_valid ?" => "to_access_fetch = !instruction_valid ?",
        "misses": "to_access_vpn = data_valid ?" => "to_access_vpn = !instruction_valid ?",
        "misses": "to_access_user = data_valid ?" => "to_access_user = !instruction_valid ?",
        "misses": "to_access_store = data_valid ?" => "to_access_store = !instruction_valid ?",
        "misses": "to_access_noncanonical = data_valid" => "to_access_noncanonical = !instruction_valid";
    SV39: "walks answer one cycle late",
        "walker": "assign miss_done = done;" =>
            "reg late;\n  always @(posedge clock) late <= done && !miss_taken;\n  assign miss_done = done && late;";
    SV39: "the top bit of the tag is lost",
        "data_pipeline": "tag <= req_tag" => "tag <= {1'b0, req_tag[2:0]}";
    SV39: "a response carries the tag of the request behind it",
        "data_pipeline": "assign resp_tag = tag;" => "assign resp_tag = req_tag;";
    SV39: "a response is not held until it is taken",
        "walker": "(done && !miss_taken)" => "1'b0";
}
