//! Whether a kept translation grants an access. The one judgement of rights in the TLBs; it only ever grants, refusals
//! are the walker's ([`crate::walk::check`]). RISC-V Privileged Architecture, "Virtual Address Translation Process",
//! step 6; Intel SDM vol. 3A, 4.6.

use crate::bundle::NeedsIn;
use crate::geometry::RIGHTS_BITS;
use crate::prelude::*;

block! {
    /// See the module.
    pub struct Rights();
    {
        /// What the access needs.
        pub needs: NeedsIn = NeedsIn::new(),
        /// What the translation has: R W X U D.
        pub rights: Wire<In> = Wire::new(RIGHTS_BITS),
        /// It is enough.
        pub suffice: Signal<Out, Bit>,
    }
}

impl Logic for Rights {
    #[hdl_gen]
    fn update(&mut self) {
        self.suffice.next = ((self.needs.read.val() && self.rights.val().get_bit(0))
            || (self.needs.write.val() && self.rights.val().get_bit(1))
            || (self.needs.execute.val() && self.rights.val().get_bit(2)))
            && ((self.rights.val().get_bit(3) && self.needs.user_pages.val())
                || (!self.rights.val().get_bit(3) && self.needs.supervisor_pages.val()))
            && (self.rights.val().get_bit(4) || !self.needs.dirty.val());
    }
}
