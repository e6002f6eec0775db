//! `ps -o vsz,rss,maj_flt,min_flt`.

use std::fmt;

/// A process in `ps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ps {
    /// KiB of all areas.
    pub vsz: u64,
    /// KiB of frames mapped.
    pub rss: u64,
    /// Faults that waited for a device.
    pub maj_flt: u64,
    /// Faults that did not.
    pub min_flt: u64,
}

impl Ps {
    /// The line above the processes.
    pub const HEADER: &'static str = "   VSZ   RSS  MAJFL  MINFL";
}

impl fmt::Display for Ps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [(self.vsz, 6), (self.rss, 5), (self.maj_flt, 6), (self.min_flt, 6)];
        // What a number takes beyond its column is taken from the blanks before the next.
        let mut beyond = 0;
        for (at, (number, width)) in columns.into_iter().enumerate() {
            let (blank, text) = (if at > 0 { " " } else { "" }, number.to_string());
            let room: usize = width;
            write!(f, "{blank}{text:>0$}", room.saturating_sub(beyond))?;
            beyond = (beyond + text.len()).saturating_sub(room);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_procps() {
        let ps = Ps { vsz: 46_896, rss: 16_636, maj_flt: 0, min_flt: 38_363 };
        assert_eq!(ps.to_string(), " 46896 16636      0  38363");
        let ps = Ps { vsz: 184_320, rss: 163_840, maj_flt: 0, min_flt: 56_320 };
        assert_eq!(ps.to_string(), "184320 163840     0  56320");
        assert_eq!(Ps::default().to_string().len(), Ps::HEADER.len());
    }
}
