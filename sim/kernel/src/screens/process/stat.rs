//! `/proc/PID/stat` and `/proc/PID/statm`.

use super::TaskState;
use std::fmt;

/// `/proc/PID/stat`: those of its 52 fields that this model knows; the others are 0, or what a sleeping task of no
/// terminal has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: TaskState,
    /// Its parent's number.
    pub ppid: u32,
    /// Faults without a device.
    pub min_flt: u64,
    /// Faults that waited for one.
    pub maj_flt: u64,
    /// Its threads.
    pub threads: u32,
    /// When it started, in hundredths of a second.
    pub start_time: u64,
    /// Bytes of all areas.
    pub vsize: u64,
    /// Frames mapped.
    pub rss: u64,
    /// Bounds of its code.
    pub code: [u64; 2],
    /// Top of its stack.
    pub start_stack: u64,
    /// Bounds of its initialised data.
    pub data: [u64; 2],
    /// Where its heap starts.
    pub start_brk: u64,
    /// The CPU that it ran on last.
    pub cpu: u32,
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, name, ppid, min_flt, maj_flt, threads, start_time, vsize, rss, .. } = self;
        let ([start_code, end_code], [start_data, end_data]) = (self.code, self.data);
        let Self { start_stack, start_brk, cpu, .. } = self;
        let state = self.state.letter();
        // Fields 4 to 23, then bounds, signals, exit signal, CPU, bounds again, exit code.
        write!(
            f,
            "{pid} ({name}) {state} {ppid} 0 0 0 -1 0 {min_flt} 0 {maj_flt} 0 0 0 0 0 20 0 {threads} 0 "
        )?;
        write!(f, "{start_time} {vsize} {rss} {} {start_code} {end_code} {start_stack} ", u64::MAX)?;
        write!(f, "0 0 0 0 0 0 1 0 0 17 {cpu} 0 0 0 0 0 {start_data} {end_data} {start_brk} ")?;
        writeln!(f, "{start_stack} {start_stack} {start_stack} {start_stack} 0")
    }
}

/// `/proc/PID/statm`, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statm {
    /// All areas.
    pub size: u64,
    /// Mapped anonymous memory, pages of files, shared memory.
    pub rss: [u64; 3],
    /// Code of the program.
    pub text: u64,
    /// Private writable areas and the stack.
    pub data: u64,
}

impl fmt::Display for Statm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [anon, file, shmem] = self.rss;
        let Self { size, text, data, .. } = self;
        writeln!(f, "{size} {} {} {text} 0 {data} 0", anon + file + shmem, file + shmem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_linux_has_them() {
        let stat = Stat {
            pid: 79,
            name: "init".into(),
            ppid: 1,
            min_flt: 833,
            threads: 1,
            start_time: 295,
            vsize: 10_907_648,
            rss: 979,
            code: [4_198_400, 4_837_889],
            start_stack: 140_737_488_350_784,
            data: [5_019_352, 5_042_864],
            start_brk: 5_165_056,
            ..Stat::default()
        };
        // Apart from the times that it ran and the bounds of its arguments.
        let measured = "79 (init) S 1 0 0 0 -1 0 833 0 0 0 0 0 0 0 20 0 1 0 295 10907648 979 18446744073709551615 4198400 \
                        4837889 140737488350784 0 0 0 0 0 0 1 0 0 17 0 0 0 0 0 0 5019352 5042864 5165056 ";
        assert!(stat.to_string().starts_with(measured), "{stat}");
        assert_eq!(stat.to_string().split_whitespace().count(), 52);
        let statm = Statm { size: 2663, rss: [556, 204, 219], text: 157, data: 2147 };
        assert_eq!(statm.to_string(), "2663 979 423 157 0 2147 0\n");
    }
}
