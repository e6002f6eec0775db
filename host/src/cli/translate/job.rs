//! A job of `translate`, checked: what [`super::schema`] reads, measured against its page-table format. Never panics,
//! whatever the text.

use super::schema::{Block, JobError, JobText, Number, Object, Order, QueryText, invalid};
use pagewalk_arch::{
    Access, AccessKind, Asid, Context, FRAME_BYTES, FormatSpec, Isa, Mode, PagingFormat, PhysAddr, VirtAddr,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// A checked job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Page-table format.
    pub format: PagingFormat,
    /// First byte of the root table; PAE: of the PDPTEs.
    pub root: PhysAddr,
    /// First address at which no memory answers; `None`: where the physical addresses end.
    pub memory_bytes: Option<u64>,
    /// Implemented physical-address bits; `None`: the format's.
    pub physical_bits: Option<u32>,
    /// Whether A and D bits and TLB contents stay from query to query.
    pub cumulative: bool,
    /// What memory holds: words of 8 bytes by address.
    pub image: BTreeMap<u64, u64>,
    /// What is to be translated.
    pub queries: Vec<Query>,
}

/// One translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The access.
    pub access: Access,
    /// Root, ASID and mode.
    pub context: Context,
}

impl Job {
    /// Reads and checks a job.
    ///
    /// # Errors
    /// [`JobError`]: no JSON, or the first field that is wrong.
    pub fn parse(text: &str) -> Result<Self, JobError> {
        Self::checked(JobText::parse(text)?)
    }

    /// Checks a job that is JSON already.
    ///
    /// # Errors
    /// [`JobError::Field`].
    pub fn of(value: Value) -> Result<Self, JobError> {
        Self::checked(JobText::of(value)?)
    }

    fn checked(job: JobText) -> Result<Self, JobError> {
        let (format, spec) = (job.format, job.format.spec());
        let root = PhysAddr(job.root.0);
        let physical_bits = job.physical_bits.map(|bits| bits.0);
        check_root(root, spec, physical_bits.unwrap_or(spec.pa_bits_max))?;
        let mut image = BTreeMap::new();
        for (number, Object(block)) in job.image.into_iter().enumerate() {
            put_block(block, &format!("image[{number}]"), &mut image)?;
        }
        let start = Query {
            access: Access::user(0, AccessKind::Load),
            context: Context { root, asid: Asid(0), mode: default_mode() },
        };
        let defaults = query(&job.defaults, "defaults", start, spec)?;
        let mut queries = Vec::new();
        for (number, text) in job.queries.iter().enumerate() {
            let path = format!("queries[{number}]");
            if text.va.or(job.defaults.va).is_none() {
                return Err(invalid(path + ".va", "is missing"));
            }
            queries.push(query(text, &path, defaults, spec)?);
        }
        let memory_bytes = job.memory_bytes.map(|size| size.0);
        let cumulative = job.mode == Order::Cumulative;
        Ok(Self { format, root, memory_bytes, physical_bits, cumulative, image, queries })
    }
}

/// As the schema has it: hardware A/D, write protection, XD and large pages on, everything else off. Global pages,
/// which the schema does not name, are on as in every kernel.
fn default_mode() -> Mode {
    Mode { adue: true, wp: true, nxe: true, pse: true, pge: true, ..Mode::default() }
}

fn check_root(PhysAddr(root): PhysAddr, spec: &FormatSpec, physical_bits: u32) -> Result<(), JobError> {
    // CR3 has 32 bits under PAE and points to 32 bytes; all others name a frame.
    let (alignment, bits) = match spec.resident_root_entries {
        0 => (FRAME_BYTES, physical_bits.min(spec.pa_bits)),
        entries => (entries as u64 * u64::from(spec.pte_bytes), physical_bits.min(32)),
    };
    let name = spec.name;
    if !root.is_multiple_of(alignment) {
        return Err(invalid(
            "root",
            format!("is {root:#x}: the root of {name} is aligned to {alignment} bytes"),
        ));
    }
    if bits < 64 && root >> bits != 0 {
        return Err(invalid("root", format!("is {root:#x}: the root of {name} has {bits} bits here")));
    }
    Ok(())
}

/// Puts a block of the image into `words`, byte by byte, later blocks over earlier ones.
fn put_block(block: Block, path: &str, words: &mut BTreeMap<u64, u64>) -> Result<(), JobError> {
    let bytes: Vec<u8> = match (block.u64, block.u32, block.hex) {
        (Some(words), None, None) => words.iter().flat_map(|word| word.0.to_le_bytes()).collect(),
        (None, Some(words), None) => words.iter().flat_map(|word| word.0.to_le_bytes()).collect(),
        (None, None, Some(bytes)) => bytes.0,
        _ => return Err(invalid(path, "needs exactly one of u64, u32 and hex")),
    };
    let at = block.paddr.0;
    if at.checked_add(bytes.len() as u64).is_none_or(|end| end > 1 << 56) {
        let problem = "reaches beyond the largest physical address, 56 bits";
        return Err(invalid(format!("{path}.paddr"), problem));
    }
    for (offset, byte) in bytes.into_iter().enumerate() {
        let address = at + offset as u64;
        let shift = 8 * (address & 7);
        let word = words.entry(address & !7).or_default();
        *word = (*word & !(0xff << shift)) | (u64::from(byte) << shift);
    }
    Ok(())
}

/// A query, or the defaults, over what holds already.
fn query(text: &QueryText, path: &str, base: Query, spec: &FormatSpec) -> Result<Query, JobError> {
    let mut query = base;
    if let Some(Number(va)) = text.va {
        if spec.va_register_bits < 64 && va >> spec.va_register_bits != 0 {
            let problem =
                format!("is {va:#x}: {} has addresses of {} bits", spec.name, spec.va_register_bits);
            return Err(invalid(format!("{path}.va"), problem));
        }
        query.access.va = VirtAddr(va);
    }
    if let Some(Number(asid)) = text.asid {
        if asid >> spec.asid_bits != 0 {
            let name = if spec.isa == Isa::X86 { "PCIDs" } else { "ASIDs" };
            let problem = format!("is {asid}: {} has {name} of {} bits", spec.name, spec.asid_bits);
            return Err(invalid(format!("{path}.asid"), problem));
        }
        query.context.asid = Asid(asid as u16);
    }
    query.access.kind = text.access.unwrap_or(query.access.kind);
    query.access.privilege = text.privilege.unwrap_or(query.access.privilege);
    for (bit, on) in &text.flags {
        bit.set(&mut query.context.mode, *on);
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::{ModeBit, Privilege};

    fn error(text: &str) -> String {
        Job::parse(text).expect_err("wrong").to_string()
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        let cases = [
            ("", "line 1, column 0: EOF while parsing a value"),
            ("[]", "the job: invalid type: sequence, expected an object with root"),
            (r#"{"root": 0, "roof": 1}"#, "roof: unknown field `roof`, expected one of `format`"),
            (r#"{"root": 0, "image": 3}"#, "image: invalid type: integer `3`, expected a sequence"),
            (r#"{"root": 0, "image": [[0, [1]]]}"#, "image[0]: invalid type: sequence, expected an object"),
            (r#"{"root": 0, "image": [{"paddr": 0, "u8": 1}]}"#, "image[0].u8: unknown field `u8`"),
            (r#"{"root": 0, "queries": [3]}"#, "queries[0]: invalid type: integer `3`, expected an object"),
            (r#"{"root": 0, "defaults": {"sume": 1}}"#, "defaults.sume: is no field here; known are va"),
            ("{}", "the job: missing field `root`"),
            (r#"{"root": "0x80000001"}"#, "root: is 0x80000001: the root of sv39 is aligned to 4096 bytes"),
            (r#"{"root": 0, "format": "sv40"}"#, "format: unknown page-table format `sv40`"),
            (r#"{"root": 0, "memory_bytes": "4 kB"}"#, "memory_bytes: `4 kB` is no size"),
            (
                r#"{"root": 0, "mode": "warm"}"#,
                "mode: unknown variant `warm`, expected `fresh` or `cumulative`",
            ),
            (r#"{"root": 0, "image": [{"u64": []}]}"#, "image[0]: missing field `paddr`"),
            (r#"{"root": 0, "image": [{"paddr": 0}]}"#, "image[0]: needs exactly one of u64, u32 and hex"),
            (
                r#"{"root": 0, "image": [{"paddr": 0, "u64": [1, "x"]}]}"#,
                "image[0].u64[1]: `x` is no address",
            ),
            (
                r#"{"root": 0, "image": [{"paddr": 0, "u32": ["0x100000000"]}]}"#,
                "image[0].u32[0]: is 0x100000000",
            ),
            (r#"{"root": 0, "image": [{"paddr": 0, "hex": "abc"}]}"#, "image[0].hex: "),
            (
                r#"{"root": 0, "image": [{"paddr": "0xffffffffffffffff", "hex": "abcd"}]}"#,
                "image[0].paddr: reaches",
            ),
            (r#"{"root": 0, "queries": [{}]}"#, "queries[0].va: is missing"),
            (r#"{"root": 0, "queries": [{"va": -1}]}"#, "queries[0].va: must be"),
            (r#"{"root": 0, "queries": [{"va": 1.5}]}"#, "queries[0].va: must be"),
            (
                r#"{"root": 0, "queries": [{"va": 0, "access": "jump"}]}"#,
                "queries[0].access: is `jump`: use one of read, write, exec, amo",
            ),
            (
                r#"{"root": 0, "queries": [{"va": 0, "priv": "m"}]}"#,
                "queries[0].priv: is `m`: use one of u, s",
            ),
            (r#"{"root": 0, "queries": [{"va": 0, "sum": 2}]}"#, "queries[0].sum: must be 0 or 1"),
            (r#"{"root": 0, "queries": [{"va": 0, "asid": 65536}]}"#, "queries[0].asid: is 65536"),
            (r#"{"root": 0, "queries": [{"va": 0, "sume": 1}]}"#, "queries[0].sume: is no field here"),
            (
                r#"{"root": 0, "format": "sv32", "queries": [{"va": "0x100000000"}]}"#,
                "queries[0].va: is 0x100000000",
            ),
        ];
        for (text, expected) in cases {
            assert!(error(text).starts_with(expected), "{text}: {}", error(text));
        }
    }

    #[test]
    fn roots_follow_the_format() {
        let pae = |root: &str| Job::parse(&format!(r#"{{"format": "x86-pae", "root": "{root}"}}"#));
        assert_eq!(pae("0x1020").map(|job| job.root), Ok(PhysAddr(0x1020)));
        assert!(pae("0x1010").is_err());
        assert!(pae("0x100000000").is_err());
        assert!(error(r#"{"root": "0x100000000000000"}"#).contains("56 bits"));
    }

    #[test]
    fn images_are_bytes_in_memory_order() {
        let job = Job::parse(
            r#"{"root": 0, "image": [
                {"paddr": "0x1000", "u32": ["0x11223344", 1]},
                {"paddr": "0x1002", "hex": "aa bb"},
                {"paddr": 16, "u64": ["0xffffffffffffffff"]}]}"#,
        )
        .unwrap();
        assert_eq!(job.image[&0x1000], 0x1_bbaa_3344);
        assert_eq!(job.image[&16], u64::MAX);
    }

    #[test]
    fn what_is_for_people_counts_for_nothing() {
        let job = |text| Job::parse(text).unwrap();
        let plain = job(r#"{"root": 0, "queries": [{"va": 1}]}"#);
        let remarked = r#"{"root": 0, "id": 7, "mode": null, "queries": [{"va": 1, "sum": null, "_x": 2, "comment": "c"}]}"#;
        assert_eq!(job(remarked), plain);
    }

    #[test]
    fn every_mode_bit_has_a_name_in_a_job() {
        for (name, bit) in [("svadu", "adue"), ("svpbmt", "pbmte"), ("nx", "nxe"), ("smap", "smap")] {
            for on in [false, true] {
                let text = format!(r#"{{"root": 0, "queries": [{{"va": 1, "{name}": {on}}}]}}"#);
                let mode = Job::parse(&text).unwrap().queries[0].context.mode;
                assert_eq!(ModeBit::named(bit).map(|bit| bit.get(&mode)), Some(on), "{name}");
            }
        }
    }

    #[test]
    fn queries_start_from_the_defaults() {
        let job = Job::parse(
            r#"{"root": 0, "defaults": {"priv": "s", "sum": 1, "svadu": 0}, "queries": [{"va": 1}, {"va": 2, "sum": 0, "access": "amo"}]}"#,
        )
        .unwrap();
        let [first, second] = job.queries[..] else { panic!() };
        assert_eq!(first.access.privilege, Privilege::Supervisor);
        assert!(first.context.mode.sum && !first.context.mode.adue && first.context.mode.wp);
        assert!(!second.context.mode.sum);
        assert_eq!(second.access.kind, AccessKind::Store);
    }
}
