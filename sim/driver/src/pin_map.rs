//! Which word of the [`Pins`] is which port of the MMU. Owns the names; what is done with them is the driver's.

use super::pins::Pins;
use pagewalk_arch::ModeBit;

/// Words of the request and response ports of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct SidePins {
    pub req_valid: usize,
    pub req_va: usize,
    pub req_user: usize,
    pub req_store: Option<usize>,
    pub req_tag: Option<usize>,
    pub resp_ready: usize,
    pub req_ready: usize,
    pub resp_valid: usize,
    pub resp_va: usize,
    pub resp_pa: usize,
    pub resp_fault: usize,
    pub resp_code: usize,
    pub resp_page: usize,
    pub resp_memory_type: usize,
    pub resp_served: usize,
    pub resp_tag: Option<usize>,
}

/// Words of everything else.
#[derive(Clone, Debug)]
pub(super) struct SharedPins {
    pub reset: usize,
    pub root: Option<usize>,
    pub pdpte: Vec<usize>,
    pub asid: Option<usize>,
    pub modes: Vec<(usize, ModeBit)>,
    pub fence_valid: usize,
    pub fence_ready: usize,
    pub fence_has_va: usize,
    pub fence_va: usize,
    pub fence_has_asid: Option<usize>,
    pub fence_asid: Option<usize>,
    pub fence_keep_global: usize,
    pub mem_req_valid: usize,
    pub mem_req_ready: usize,
    pub mem_req_address: usize,
    pub mem_req_swap: usize,
    pub mem_req_expected: usize,
    pub mem_req_new: usize,
    pub mem_req_port: usize,
    pub mem_resp_valid: usize,
    pub mem_resp_data: usize,
    pub mem_resp_error: usize,
}

/// The word of a port that every configuration has.
fn required(found: Option<usize>, name: &str) -> usize {
    found.unwrap_or_else(|| panic!("the simulated design has no port `{name}`"))
}

impl SidePins {
    pub fn find(pins: &impl Pins, side: char) -> Self {
        let input = |name: &str| pins.input(&format!("{side}{name}"));
        let output = |name: &str| pins.output(&format!("{side}{name}"));
        Self {
            req_valid: required(input("req_valid"), "req_valid"),
            req_va: required(input("req_va"), "req_va"),
            req_user: required(input("req_user"), "req_user"),
            req_store: input("req_store"),
            req_tag: input("req_tag"),
            resp_ready: required(input("resp_ready"), "resp_ready"),
            req_ready: required(output("req_ready"), "req_ready"),
            resp_valid: required(output("resp_valid"), "resp_valid"),
            resp_va: required(output("resp_va"), "resp_va"),
            resp_pa: required(output("resp_pa"), "resp_pa"),
            resp_fault: required(output("resp_fault"), "resp_fault"),
            resp_code: required(output("resp_code"), "resp_code"),
            resp_page: required(output("resp_page"), "resp_page"),
            resp_memory_type: required(output("resp_memory_type"), "resp_memory_type"),
            resp_served: required(output("resp_served"), "resp_served"),
            resp_tag: output("resp_tag"),
        }
    }
}

impl SharedPins {
    pub fn find(pins: &impl Pins) -> Self {
        let input = |name: &str| required(pins.input(name), name);
        let output = |name: &str| required(pins.output(name), name);
        Self {
            reset: input("reset"),
            root: pins.input("root"),
            pdpte: (0..4).filter_map(|entry| pins.input(&format!("pdpte_{entry}"))).collect(),
            asid: pins.input("asid"),
            modes: ModeBit::ALL.into_iter().filter_map(|bit| Some((pins.input(bit.port)?, bit))).collect(),
            fence_valid: input("fence_valid"),
            fence_ready: output("fence_ready"),
            fence_has_va: input("fence_has_va"),
            fence_va: input("fence_va"),
            fence_has_asid: pins.input("fence_has_asid"),
            fence_asid: pins.input("fence_asid"),
            fence_keep_global: input("fence_keep_global"),
            mem_req_valid: output("mem_req_valid"),
            mem_req_ready: input("mem_req_ready"),
            mem_req_address: output("mem_req_address"),
            mem_req_swap: output("mem_req_swap"),
            mem_req_expected: output("mem_req_expected"),
            mem_req_new: output("mem_req_new"),
            mem_req_port: output("mem_req_port"),
            mem_resp_valid: input("mem_resp_valid"),
            mem_resp_data: input("mem_resp_data"),
            mem_resp_error: input("mem_resp_error"),
        }
    }
}
