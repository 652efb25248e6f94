//! Which slots of the frame in memory hold the value that the program has: the lattice of a forward
//! must-analysis over structured control flow. Bottom is everything current; where paths meet, a slot
//! is current if it is on each of them.

use fixedbitset::FixedBitSet;

/// The slots that are current, by local and by position on the operand stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Current {
    locals: FixedBitSet,
    operands: FixedBitSet,
}

impl Current {
    /// What holds at the entry of a function with so many locals: nothing is current.
    pub fn at_entry(locals: usize) -> Self {
        Current {
            locals: FixedBitSet::with_capacity(locals),
            operands: FixedBitSet::new(),
        }
    }

    /// Is the local current?
    pub fn has_local(&self, local: usize) -> bool {
        self.locals.contains(local)
    }

    /// Is the operand at this position current?
    pub fn has_operand(&self, position: usize) -> bool {
        self.operands.contains(position)
    }

    /// A local has a new value.
    pub fn clear_local(&mut self, local: u32) {
        // Behind what is known of, nothing is current.
        if (local as usize) < self.locals.len() {
            self.locals.set(local as usize, false);
        }
    }

    /// Every local may have a new value.
    pub fn clear_all_locals(&mut self) {
        self.locals.clear();
    }

    /// The operand at this position is new.
    pub fn clear_operand(&mut self, position: usize) {
        if position < self.operands.len() {
            self.operands.set(position, false);
        }
    }

    /// These locals, and so many operands from the bottom, were stored.
    pub fn set_shown(&mut self, locals: &[usize], operands: usize) {
        for local in locals {
            // Off the path that goes on, as in a latch, nothing is known of any local.
            self.locals.grow_and_insert(*local);
        }
        self.operands.grow(operands);
        self.operands.insert_range(..operands);
    }

    /// Keeps what is current on another path too.
    pub fn meet(&mut self, other: &Current) {
        self.locals.intersect_with(&other.locals);
        self.operands.intersect_with(&other.operands);
    }
}

#[cfg(test)]
mod tests {
    use super::Current;

    fn stale(current: &Current) -> Vec<usize> {
        (0..3).filter(|local| !current.has_local(*local)).collect()
    }

    #[test]
    fn a_slot_is_current_after_a_meet_only_if_it_was_on_both_paths() {
        let mut a = Current::at_entry(3);
        a.set_shown(&[0, 1, 2], 2);
        let mut b = a.clone();
        a.clear_local(0);
        b.clear_local(2);
        b.clear_operand(1);
        a.meet(&b);
        assert_eq!(stale(&a), [0, 2]);
        assert!(a.has_operand(0) && !a.has_operand(1));
    }

    #[test]
    fn locals_can_be_stored_where_nothing_is_known() {
        let mut current = Current::default();
        current.set_shown(&[1], 0);
        assert_eq!(stale(&current), [0, 2]);
    }

    #[test]
    fn nothing_is_current_at_the_start_and_only_what_was_stored_later() {
        let mut current = Current::at_entry(3);
        assert_eq!(stale(&current), [0, 1, 2]);
        current.set_shown(&[1], 0);
        assert_eq!(stale(&current), [0, 2]);
    }
}
