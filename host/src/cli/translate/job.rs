//! A job of `translate` as JSON states it, checked. Owns the schema and the errors, each with the path of the field;
//! never panics, whatever the text.

use super::fields::{Fields, JobError, hex_bytes, invalid};
use crate::cli::quantity::ByteSize;
use pagewalk_arch::{
    Access, AccessKind, Asid, Context, FRAME_BYTES, FormatSpec, Isa, Mode, PagingFormat, PhysAddr, Privilege,
    VirtAddr,
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
    /// Root, identifier and mode.
    pub context: Context,
}

/// Sets one mode bit.
type SetFlag = fn(&mut Mode, bool);

/// The mode bits by their names in a job.
const FLAGS: [(&str, SetFlag); 12] = [
    ("sum", |mode, on| mode.sum = on),
    ("mxr", |mode, on| mode.mxr = on),
    ("svadu", |mode, on| mode.adue = on),
    ("svnapot", |mode, on| mode.svnapot = on),
    ("svpbmt", |mode, on| mode.pbmte = on),
    ("wp", |mode, on| mode.wp = on),
    ("nx", |mode, on| mode.nxe = on),
    ("pse", |mode, on| mode.pse = on),
    ("pge", |mode, on| mode.pge = on),
    ("smep", |mode, on| mode.smep = on),
    ("smap", |mode, on| mode.smap = on),
    ("ac", |mode, on| mode.ac = on),
];

/// Fields of a query besides the flags.
const QUERY_FIELDS: [&str; 4] = ["va", "access", "priv", "asid"];

impl Job {
    /// Reads and checks a job.
    ///
    /// # Errors
    /// [`JobError`]: no JSON, or the first field that is wrong.
    pub fn parse(text: &str) -> Result<Self, JobError> {
        let value: Value = serde_json::from_str(text).map_err(|error| JobError::Syntax {
            line: error.line(),
            column: error.column(),
            problem: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
        })?;
        let job = Fields::of(&value, "")?;
        job.only(&[
            "format",
            "root",
            "memory_bytes",
            "physical_bits",
            "mode",
            "image",
            "defaults",
            "queries",
        ])?;
        let format: PagingFormat = match job.text("format")? {
            Some(name) => {
                name.parse().map_err(|e: pagewalk_arch::UnknownFormat| job.wrong("format", &e.to_string()))?
            }
            None => PagingFormat::default(),
        };
        let spec = format.spec();
        let root = job.number("root")?.ok_or_else(|| job.missing("root"))?;
        let memory_bytes = match job.get("memory_bytes") {
            Some(Value::String(size)) => {
                let size: Result<ByteSize, _> = size.parse();
                Some(size.map_err(|error| job.wrong("memory_bytes", &error.to_string()))?.0)
            }
            _ => job.number("memory_bytes")?,
        };
        let physical_bits = match job.number("physical_bits")? {
            Some(bits) => {
                Some(u32::try_from(bits).map_err(|_| job.wrong("physical_bits", "is no number of bits"))?)
            }
            None => None,
        };
        check_root(&job, root, spec, physical_bits.unwrap_or(spec.pa_bits_max))?;
        let cumulative = match job.text("mode")? {
            None | Some("fresh") => false,
            Some("cumulative") => true,
            Some(other) => return Err(job.wrong("mode", &format!("is `{other}`: use fresh or cumulative"))),
        };
        let mut image = BTreeMap::new();
        for (path, block) in job.list("image")? {
            read_block(&Fields::of(block, &path)?, &mut image)?;
        }
        let start = Query {
            access: Access::user(0, AccessKind::Load),
            context: Context { root: PhysAddr(root), asid: Asid(0), mode: default_mode() },
        };
        let defaults = match job.get("defaults") {
            Some(defaults) => read_query(&Fields::of(defaults, "defaults")?, start, spec)?,
            None => start,
        };
        let mut queries = Vec::new();
        for (path, query) in job.list("queries")? {
            let fields = Fields::of(query, &path)?;
            if fields.get("va").is_none() && !has_default_va(&job) {
                return Err(fields.missing("va"));
            }
            queries.push(read_query(&fields, defaults, spec)?);
        }
        Ok(Self { format, root: PhysAddr(root), memory_bytes, physical_bits, cumulative, image, queries })
    }
}

fn has_default_va(job: &Fields<'_>) -> bool {
    job.get("defaults").is_some_and(|defaults| defaults.get("va").is_some())
}

/// As the schema has it: hardware A/D, write protection, XD and large pages on, everything else off. Global pages,
/// which the schema does not name, are on as in every kernel.
fn default_mode() -> Mode {
    Mode { adue: true, wp: true, nxe: true, pse: true, pge: true, ..Mode::default() }
}

fn check_root(job: &Fields<'_>, root: u64, spec: &FormatSpec, physical_bits: u32) -> Result<(), JobError> {
    // CR3 has 32 bits under PAE and points to 32 bytes; all others name a frame.
    let (alignment, bits) = match spec.resident_root_entries {
        0 => (FRAME_BYTES, physical_bits.min(spec.pa_bits)),
        entries => (entries as u64 * u64::from(spec.pte_bytes), physical_bits.min(32)),
    };
    if !root.is_multiple_of(alignment) {
        let problem = format!("is {root:#x}: the root of {} is aligned to {alignment} bytes", spec.name);
        return Err(job.wrong("root", &problem));
    }
    if bits < 64 && root >> bits != 0 {
        return Err(
            job.wrong("root", &format!("is {root:#x}: the root of {} has {bits} bits here", spec.name))
        );
    }
    Ok(())
}

/// Puts a block of the image into `words`, byte by byte, later blocks over earlier ones.
fn read_block(block: &Fields<'_>, words: &mut BTreeMap<u64, u64>) -> Result<(), JobError> {
    block.only(&["paddr", "u64", "u32", "hex"])?;
    let at = block.number("paddr")?.ok_or_else(|| block.missing("paddr"))?;
    let mut bytes: Vec<u8> = Vec::new();
    let mut contents = 0;
    for (name, width) in [("u64", 8), ("u32", 4)] {
        if block.get(name).is_none() {
            continue;
        }
        contents += 1;
        for (path, word) in block.list(name)? {
            let value = super::fields::number(word, &path)?;
            if width == 4 && value > u64::from(u32::MAX) {
                return Err(invalid(&path, &format!("is {value:#x}, which has more than 32 bits")));
            }
            bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        }
    }
    if let Some(digits) = block.text("hex")? {
        contents += 1;
        bytes = hex_bytes(digits).map_err(|problem| block.wrong("hex", problem))?;
    }
    if contents != 1 {
        return Err(invalid(block.path(), "needs exactly one of u64, u32 and hex"));
    }
    let end = at.checked_add(bytes.len() as u64).filter(|&end| end <= 1 << 56);
    if end.is_none() {
        return Err(block.wrong("paddr", "reaches beyond the largest physical address, 56 bits"));
    }
    for (offset, byte) in bytes.into_iter().enumerate() {
        let address = at + offset as u64;
        let shift = 8 * (address & 7);
        let word = words.entry(address & !7).or_default();
        *word = (*word & !(0xff << shift)) | (u64::from(byte) << shift);
    }
    Ok(())
}

/// Reads a query, or the defaults, over what holds already.
fn read_query(fields: &Fields<'_>, base: Query, spec: &FormatSpec) -> Result<Query, JobError> {
    let known: Vec<&str> = QUERY_FIELDS.into_iter().chain(FLAGS.map(|(name, _)| name)).collect();
    fields.only(&known)?;
    let mut query = base;
    if let Some(va) = fields.number("va")? {
        if spec.va_register_bits < 64 && va >> spec.va_register_bits != 0 {
            let problem =
                format!("is {va:#x}: {} has addresses of {} bits", spec.name, spec.va_register_bits);
            return Err(fields.wrong("va", &problem));
        }
        query.access.va = VirtAddr(va);
    }
    if let Some(kind) = fields.text("access")? {
        query.access.kind = match kind {
            "read" | "load" => AccessKind::Load,
            "write" | "store" | "amo" => AccessKind::Store,
            "exec" | "fetch" => AccessKind::Fetch,
            other => {
                return Err(fields.wrong("access", &format!("is `{other}`: use read, write, exec or amo")));
            }
        };
    }
    if let Some(privilege) = fields.text("priv")? {
        query.access.privilege = match privilege {
            "u" | "user" => Privilege::User,
            "s" | "supervisor" => Privilege::Supervisor,
            other => return Err(fields.wrong("priv", &format!("is `{other}`: use u or s"))),
        };
    }
    if let Some(asid) = fields.number("asid")? {
        if asid >> spec.asid_bits != 0 {
            let name = if spec.isa == Isa::X86 { "PCIDs" } else { "ASIDs" };
            let problem = format!("is {asid}: {} has {name} of {} bits", spec.name, spec.asid_bits);
            return Err(fields.wrong("asid", &problem));
        }
        query.context.asid = Asid(asid as u16);
    }
    for (name, set) in FLAGS {
        if let Some(on) = fields.flag(name)? {
            set(&mut query.context.mode, on);
        }
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Job::parse(text).expect_err("wrong").to_string()
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        let cases = [
            ("", "line 1, column 0: EOF while parsing a value"),
            ("[]", "the job: must be an object, is a list"),
            ("{}", "root: is missing"),
            (r#"{"root": "0x80000001"}"#, "root: is 0x80000001: the root of sv39 is aligned to 4096 bytes"),
            (r#"{"root": 0, "format": "sv40"}"#, "format: unknown page-table format `sv40`"),
            (r#"{"root": 0, "memory_bytes": "4 kB"}"#, "memory_bytes: `4 kB` is no size"),
            (r#"{"root": 0, "mode": "warm"}"#, "mode: is `warm`: use fresh or cumulative"),
            (r#"{"root": 0, "image": [{"u64": []}]}"#, "image[0].paddr: is missing"),
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
            (r#"{"root": 0, "queries": [{"va": 0, "access": "jump"}]}"#, "queries[0].access: is `jump`"),
            (r#"{"root": 0, "queries": [{"va": 0, "priv": "m"}]}"#, "queries[0].priv: is `m`: use u or s"),
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
