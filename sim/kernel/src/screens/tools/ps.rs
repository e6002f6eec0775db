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
        let Self { vsz, rss, maj_flt, min_flt } = self;
        write!(f, "{vsz:6} {rss:5} {maj_flt:6} {min_flt:6}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_procps() {
        let ps = Ps { vsz: 46_896, rss: 16_636, maj_flt: 0, min_flt: 38_363 };
        assert_eq!(ps.to_string(), " 46896 16636      0  38363");
        assert_eq!(Ps::default().to_string().len(), Ps::HEADER.len());
    }
}
