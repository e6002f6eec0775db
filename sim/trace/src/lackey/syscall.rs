//! The grammar of one system call as Valgrind prints it: name, arguments, the strings that they point to, what it
//! remarks, and the result. Owns the text; what a call does is [`super::meaning`]'s.

use super::message::INTERRUPTED;
use super::table::Meaning;
use std::sync::Arc;

/// Arguments that are looked at.
pub(super) const ARGUMENTS_MAX: usize = 6;

/// A call whose result is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Number in the recorded system's table.
    pub number: u32,
    /// What it is.
    pub meaning: Meaning,
    /// As printed; 0 where there is none.
    pub arguments: [u64; ARGUMENTS_MAX],
    /// The strings that arguments point to, in order; paths in all calls that matter.
    pub strings: [Option<Arc<str>>; 2],
    /// The process that Valgrind says was created.
    pub child: Option<u32>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// With this value.
    Success(u64),
    /// With this errno.
    Failure(u64),
    /// Successfully, without a value (rt_sigreturn).
    Nothing,
}

impl Call {
    /// Parses `sys_name ( arguments ) …` of call `number`.
    pub fn parse(number: u32, text: &str) -> Self {
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        // `sys_fcntl[ARG3=='arg'] (`.
        let name = name.split('[').next().unwrap_or("").trim();
        let mut call = Self {
            number,
            meaning: Meaning::Other,
            arguments: [0; ARGUMENTS_MAX],
            strings: [None, None],
            child: None,
        };
        if text.contains("unhandled amd64-linux syscall") {
            call.meaning = Meaning::of_number(number);
            return call;
        }
        let Some(meaning) = Meaning::of_name(name) else { return call };
        call.meaning = meaning;
        // Flags of clone are hexadecimal without saying so.
        let radix = if matches!(meaning, Meaning::Clone | Meaning::Mlockall) { 16 } else { 10 };
        call.read_arguments(rest, radix);
        call.remark(text);
        call
    }

    /// Takes up `fork: process 1 created child 2`, `clone(fork): …`, which follow the arguments, perhaps later.
    pub fn remark(&mut self, text: &str) {
        let Some(child) = created_child(text) else { return };
        if matches!(self.meaning, Meaning::Clone | Meaning::Clone3 | Meaning::Fork) {
            self.meaning = Meaning::Fork;
            self.child = Some(child);
        }
    }

    fn read_arguments(&mut self, list: &str, radix: u32) {
        let mut rest = list;
        let mut strings = 0;
        for slot in &mut self.arguments {
            rest = rest.trim_start();
            let end = rest.find([',', ')', '(']).unwrap_or(rest.len());
            let Some(value) = integer(rest[..end].trim(), radix) else { return };
            *slot = value;
            rest = &rest[end..];
            if rest.starts_with('(') {
                let end = string_end(&rest[1..]);
                if let Some(place) = self.strings.get_mut(strings) {
                    *place = Some(rest[1..1 + end].into());
                    strings += 1;
                }
                rest = rest[1 + end..].strip_prefix(')').unwrap_or("");
            }
            let Some(next) = rest.strip_prefix(',') else { return };
            rest = next;
        }
    }

    /// The first path that the call names.
    pub fn path(&self) -> Option<&Arc<str>> {
        self.strings[0].as_ref()
    }
    /// Argument `index` as a descriptor.
    pub fn descriptor(&self, index: usize) -> i32 {
        self.arguments[index] as i32
    }

    /// Whether this executes a program.
    pub fn is_exec(&self) -> bool {
        matches!(self.meaning, Meaning::Execve | Meaning::Execveat)
    }

    /// Whether this can be how the call ended: answers without a name are given to the call that they fit.
    pub fn accepts(&self, result: Return) -> bool {
        match (self.meaning, result) {
            (Meaning::ExitThread | Meaning::ExitGroup, result) => result == Return::Success(0),
            (Meaning::Fork, Return::Success(child)) => {
                child == 0 || self.child.is_none_or(|named| u64::from(named) == child)
            }
            // Of an execve that succeeded nothing is left to answer.
            (Meaning::Execve | Meaning::Execveat, result) => matches!(result, Return::Failure(_)),
            _ => true,
        }
    }
}

/// The process whose creation `text` reports: `… process 5 created child 6`.
fn created_child(text: &str) -> Option<u32> {
    let (_, digits) = text.split_once(" created child ")?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Length of the string at the start of `text`, up to the parenthesis that closes it. A path may hold parentheses
/// and commas itself: the first one counts behind which nothing but arguments follows.
fn string_end(text: &str) -> usize {
    let is_list = |rest: &str| {
        let rest = rest.trim_start();
        rest.starts_with(')')
            || rest
                .strip_prefix(',')
                .is_some_and(|next| next.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    };
    let closes = || text.match_indices(')').map(|(at, _)| at);
    closes().find(|&at| is_list(&text[at + 1..])).or_else(|| closes().next()).unwrap_or(text.len())
}

impl Return {
    /// Parses what follows `-->`, without the bracketed remark.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |text: &str| {
            let digits = text.strip_prefix("0x")?;
            let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            u64::from_str_radix(&digits[..end], 16).ok()
        };
        if let Some(value) = text.strip_prefix("Success(") {
            hex(value).map(Self::Success)
        } else if let Some(errno) = text.strip_prefix("Failure(") {
            hex(errno).map(Self::Failure)
        } else {
            text.starts_with("NoWriteResult").then_some(Self::Nothing)
        }
    }
}

/// Takes `interrupted_syscall: tid=1, ip=…, restart=False, sres.isErr=False, sres.val=7` apart: thread and result of
/// a call that a signal met. Whether the call was over, the next message says.
pub(super) fn interrupted(message: &str) -> Option<(u32, Return)> {
    let rest = message.trim_start().strip_prefix(INTERRUPTED)?;
    let field = |name: &str| rest.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let value = field("sres.val")?.trim().parse().ok()?;
    let result = if field("sres.isErr")? == "True" { Return::Failure(value) } else { Return::Success(value) };
    Some((field("tid")?.parse().ok()?, result))
}

/// An argument: `0x…`, or digits of `radix`, perhaps negative, perhaps followed by more.
fn integer(text: &str, radix: u32) -> Option<u64> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, radix), |hex| (hex, 16));
    let (digits, negative) = digits.strip_prefix('-').map_or((digits, false), |digits| (digits, true));
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let value = u64::from_str_radix(&digits[..end], radix).ok()?;
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> (Option<String>, Option<String>, [u64; 6]) {
        let call = Call::parse(1, text);
        let [a, b] = call.strings.map(|s| s.map(|s| s.to_string()));
        (a, b, call.arguments)
    }

    #[test]
    fn arguments_and_the_strings_that_they_point_to() {
        let (path, _, arguments) =
            strings("sys_openat ( 4294967196, 0x402a2f0(/etc/ld.so.cache), 524288 ) --> [async] ... ");
        assert_eq!(path.as_deref(), Some("/etc/ld.so.cache"));
        assert_eq!(arguments[..3], [4_294_967_196, 0x402_a2f0, 524_288]);
        let (from, to, arguments) = strings("sys_rename ( 0x10b3c6(/tmp/a), 0x10b3b8(/tmp/b) )[sync] --> ");
        assert_eq!(
            (from.as_deref(), to.as_deref(), arguments[1]),
            (Some("/tmp/a"), Some("/tmp/b"), 0x10_b3b8)
        );
        let (path, _, arguments) = strings("sys_open ( 0x1(/a (b), c), d(e).txt), 578, 420 )");
        assert_eq!((path.as_deref(), arguments[1]), (Some("/a (b), c), d(e).txt"), 578));
        let (_, _, arguments) = strings("sys_fcntl[ARG3=='arg'] ( 4, 1030, 20 )");
        assert_eq!(arguments[..3], [4, 1030, 20]);
        let (_, _, arguments) = strings("sys_pkey_mprotect ( 0x4a2a000, 4096, 3 4294967295 )");
        assert_eq!(arguments[..3], [0x4a2_a000, 4096, 3]);
    }

    #[test]
    fn forks_say_so_now_or_later() {
        let mut call = Call::parse(56, "sys_clone ( 1200011, 0x0, 0x0, 0x4a27a10, 0x0 )");
        assert_eq!((call.meaning, call.arguments[0]), (Meaning::Clone, 0x120_0011));
        call.remark("   clone(fork): process 10 created child 11");
        assert_eq!((call.meaning, call.child), (Meaning::Fork, Some(11)));
        assert!(call.accepts(Return::Success(11)) && !call.accepts(Return::Success(12)));
        assert!(!Call::parse(231, "exit_group( 0 )").accepts(Return::Success(11)));
    }

    #[test]
    fn calls_that_valgrind_does_not_know() {
        let text = "--7-- WARNING: unhandled amd64-linux syscall: 462";
        assert_eq!(Call::parse(462, text).meaning, Meaning::Unmodelled("mseal"));
    }

    #[test]
    fn calls_that_a_signal_met() {
        let text =
            " interrupted_syscall: tid=1, ip=0x580a7ec5, restart=False, sres.isErr=False, sres.val=16923";
        assert_eq!(interrupted(text), Some((1, Return::Success(16923))));
        let text = "interrupted_syscall: tid=2, ip=0x580a7ec5, restart=True, sres.isErr=True, sres.val=4";
        assert_eq!(interrupted(text), Some((2, Return::Failure(4))));
        assert_eq!(interrupted("interrupted_syscall: tid=2"), None);
    }

    #[test]
    fn odd_results() {
        assert_eq!(Return::parse("NoWriteResult"), Some(Return::Nothing));
        assert_eq!(Return::parse("Success(0x10:0x20)"), Some(Return::Success(16)));
        assert_eq!(Return::parse("Success("), None);
    }
}
