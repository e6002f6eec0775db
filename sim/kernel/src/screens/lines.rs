//! How the screens that are one number a line are written down: one table for the struct and its lines.

/// Declares a struct of numbers with the label and unit of each line.
macro_rules! meminfo_lines {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* $field:ident $label:literal $unit:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl $name {
            fn lines(&self) -> impl Iterator<Item = (&'static str, u64, Unit)> {
                [$(($label, self.$field, Unit::$unit)),*].into_iter()
            }
            /// Every number, with the label of its line, in order.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                self.lines().map(|(label, value, _)| (label, value))
            }
            /// The number of a line, by its label.
            pub fn get(&self, label: &str) -> Option<u64> {
                self.lines().find(|line| line.0 == label).map(|line| line.1)
            }
        }
    };
}

pub(super) use meminfo_lines;
