//! The interfaces between blocks, each declared once. Owns no logic; which block drives what is in its own module.

pub mod fence;
pub mod miss;
pub mod mode;
pub mod pte_bus;
pub mod request;
pub mod translation;

pub use fence::{Drop, DropIn, Fence, FenceIn};
pub use miss::{Access, AccessIn, Fault, FaultIn, Miss, MissIn};
pub use miss::{Refill, RefillIn, Upper, UpperIn, WalkReport, WalkReportIn};
pub use mode::{Mode, ModeIn};
pub use pte_bus::{PteRequest, PteRequestIn, PteResponse, PteResponseIn};
pub use request::{Request, RequestIn, Response, ResponseIn};
pub use translation::{LookUp, LookUpIn, Needs, NeedsIn, Page, PageIn, Tag, TagIn};
