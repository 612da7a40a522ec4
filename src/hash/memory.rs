//! The memory of the hashing threads: kept from one hash to the next, and never more of it than hashing may take in all.
//!
//! Mapping and clearing it anew for each login would cost as much as a quarter of the hash itself.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::argon2::Block;

use super::argon2;

/// What the threads hash in.
pub(super) struct Memory {
    limit_kib: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// KiB of the hashes under way.
    lent: u32,
    /// Not in use, oldest first, with the KiB of the hash that each was for.
    kept: VecDeque<(u32, Vec<Block>)>,
}

impl State {
    fn kept_kib(&self) -> u32 {
        self.kept.iter().map(|(kib, _)| kib).sum()
    }
}

impl Memory {
    pub(super) fn new(limit_kib: u32) -> Self {
        Self {
            limit_kib,
            state: Mutex::default(),
        }
    }

    /// Gives this thread the memory of a hash, and room for it among what is kept. The callers see to it that what is lent does
    /// not exceed the limit.
    pub(super) fn lend(&self, kib: u32) -> Lent<'_> {
        // What has to go is given back to the system after the lock.
        let mut surplus = Vec::new();
        let mut state = self.state();
        let mine = state.kept.iter().position(|(of, _)| *of == kib);
        let mine = mine.and_then(|at| state.kept.remove(at));
        state.lent = state.lent.saturating_add(kib);
        while state.lent.saturating_add(state.kept_kib()) > self.limit_kib {
            let Some(oldest) = state.kept.pop_front() else { break };
            surplus.push(oldest);
        }
        drop(state);
        drop(surplus);
        argon2::swap_memory(mine.map(|(_, blocks)| blocks).unwrap_or_default());
        Lent { memory: self, kib }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One hash's memory, until it is dropped on the same thread.
pub(super) struct Lent<'a> {
    memory: &'a Memory,
    kib: u32,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let blocks = argon2::swap_memory(Vec::new());
        let mut state = self.memory.state();
        state.lent = state.lent.saturating_sub(self.kib);
        if !blocks.is_empty() {
            state.kept.push_back((self.kib, blocks));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Memory, argon2};

    /// As a hash does that finds no memory of its size.
    fn fill(kib: usize) {
        argon2::swap_memory(vec![Block::new(); kib]);
    }

    fn kept(memory: &Memory) -> Vec<u32> {
        memory.state().kept.iter().map(|(kib, _)| *kib).collect()
    }

    #[test]
    fn a_hash_gets_the_memory_of_the_last_one_of_its_size() {
        let memory = Memory::new(100);
        let lent = memory.lend(40);
        fill(40);
        drop(lent);
        assert_eq!(kept(&memory), [40]);
        let lent = memory.lend(40);
        assert_eq!((kept(&memory), argon2::swap_memory(Vec::new()).len()), (vec![], 40));
        drop(lent);
        assert_eq!((kept(&memory), memory.state().lent), (vec![], 0));
    }

    #[test]
    fn what_is_kept_makes_room_for_what_is_needed() {
        let memory = Memory::new(100);
        for kib in [30, 20, 10] {
            let lent = memory.lend(kib);
            fill(30);
            drop(lent);
        }
        assert_eq!(kept(&memory), [30, 20, 10]);
        let lent = memory.lend(60);
        assert_eq!(kept(&memory), [20, 10]);
        drop(lent);
        drop(memory.lend(100));
        assert_eq!(kept(&memory), [0; 0]);
    }

    #[test]
    fn a_hash_that_panics_gives_its_memory_back() {
        let memory = Memory::new(100);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _lent = memory.lend(70);
            panic!("as a test");
        }));
        assert!(panicked.is_err());
        assert_eq!(memory.state().lent, 0);
    }
}
