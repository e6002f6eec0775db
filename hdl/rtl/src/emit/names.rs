//! From raw names to Verilog names.
//!
//! `lane$3$hit` becomes `lane_3_hit`; the only element of an array of length 1 loses its index. Keywords and
//! collisions are errors: nothing is renamed behind the author's back.

use super::error::{Checked, Defect};
use std::collections::{BTreeSet, HashMap};

/// The names in use in a module, and the lengths of its arrays.
#[derive(Clone, Debug, Default)]
pub(super) struct Namespace {
    taken: BTreeSet<String>,
    arrays: HashMap<String, usize>,
}

impl Namespace {
    /// A namespace for a scope whose atoms and parts have these raw names.
    pub fn new<'a>(raw_names: impl Iterator<Item = &'a str>) -> Self {
        let mut arrays = HashMap::new();
        for name in raw_names {
            for (at, _) in name.match_indices('$') {
                let index = name[at + 1..].split('$').next().and_then(|i| i.parse::<usize>().ok());
                if let Some(index) = index {
                    let length = arrays.entry(name[..at].to_string()).or_insert(0);
                    *length = (*length).max(index + 1);
                }
            }
        }
        Self { taken: BTreeSet::new(), arrays }
    }

    /// The Verilog spelling of a raw name.
    pub fn spell(&self, raw: &str) -> String {
        let mut spelled = String::new();
        let mut prefix = String::new();
        for part in raw.split('$') {
            let is_index = part.parse::<usize>().is_ok();
            let is_only = is_index && self.arrays.get(&prefix) == Some(&1);
            if !prefix.is_empty() {
                prefix.push('$');
            }
            prefix.push_str(part);
            if is_only {
                continue;
            }
            if !spelled.is_empty() {
                spelled.push('_');
            }
            spelled.push_str(part);
        }
        spelled
    }

    /// Whether the name is in use.
    pub fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// Takes a name. Fails if it is a keyword or in use.
    pub fn claim(&mut self, name: &str) -> Checked<()> {
        check_keyword(name)?;
        if self.taken.insert(name.to_string()) {
            Ok(())
        } else {
            Err(Defect::NameCollision(name.to_string()))
        }
    }

    /// Takes `stem`, or the first free of `stem_2`, `stem_3` and so on: for names that no author wrote.
    pub fn claim_fresh(&mut self, stem: &str) -> String {
        let mut name = stem.to_string();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{stem}_{number}");
            number += 1;
        }
        name
    }
}

/// Fails if Verilog-2001, or SystemVerilog where tools default to it, reserves the name.
pub(super) fn check_keyword(name: &str) -> Checked<()> {
    if KEYWORDS.split_whitespace().any(|keyword| keyword == name) {
        Err(Defect::Keyword(name.to_string()))
    } else {
        Ok(())
    }
}

/// Verilog-2001, then SystemVerilog-2005, -2009 and -2012.
const KEYWORDS: &str = "\
    always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign \
    default defparam design disable edge else end endcase endconfig endfunction endgenerate endmodule \
    endprimitive endspecify endtable endtask event for force forever fork function generate genvar \
    highz0 highz1 if ifnone incdir include initial inout input instance integer join large liblist \
    library localparam macromodule medium module nand negedge nmos nor noshowcancelled not notif0 \
    notif1 or output parameter pmos posedge primitive pull0 pull1 pulldown pullup pulsestyle_ondetect \
    pulsestyle_onevent rcmos real realtime reg release repeat rnmos rpmos rtran rtranif0 rtranif1 \
    scalared showcancelled signed small specify specparam strong0 strong1 supply0 supply1 table task \
    time tran tranif0 tranif1 tri tri0 tri1 triand trior trireg unsigned use vectored wait wand weak0 \
    weak1 while wire wor xnor xor \
    alias always_comb always_ff always_latch assert assume before bind bins binsof bit break byte \
    chandle class clocking const constraint context continue cover covergroup coverpoint cross dist do \
    endclass endclocking endgroup endinterface endpackage endprogram endproperty endsequence enum \
    expect export extends extern final first_match foreach forkjoin global iff ignore_bins illegal_bins import \
    inside int interface intersect join_any join_none local logic longint matches modport new null \
    package packed priority program property protected pure rand randc randcase randsequence ref return \
    sequence shortint shortreal solve static string struct super tagged this throughout timeprecision \
    timeunit type typedef union unique var virtual void wait_order wildcard with within \
    accept_on checker endchecker eventually implies let nexttime reject_on restrict s_always \
    s_eventually s_nexttime s_until s_until_with strong sync_accept_on sync_reject_on unique0 until \
    until_with untyped weak implements interconnect nettype soft";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_one_element_lose_their_index() {
        let names = Namespace::new(["asid$0", "way$0", "way$1", "lane$0$hit"].into_iter());
        assert_eq!(names.spell("asid$0"), "asid");
        assert_eq!(names.spell("way$0"), "way_0");
        assert_eq!(names.spell("lane$0$hit"), "lane_hit");
        assert_eq!(names.spell("way$1$row"), "way_1_row");
    }

    #[test]
    fn keywords_and_collisions_are_refused() {
        let mut names = Namespace::default();
        assert_eq!(names.claim("wire"), Err(Defect::Keyword("wire".into())));
        assert_eq!(names.claim("row"), Ok(()));
        assert_eq!(names.claim("row"), Err(Defect::NameCollision("row".into())));
        assert_eq!(names.claim_fresh("row"), "row_2");
    }
}
