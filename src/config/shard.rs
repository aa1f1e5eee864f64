//! Divides the sessions among several daemons by rendezvous hashing of their names.
//!
//! *Invariant*: the hash depends only on the name and the index of a shard. It must stay the same
//! in all versions and on all machines, because daemons of different versions divide one pool.

use std::fmt;

use super::model::SessionName;
use super::reader::{ParseProblem, TableReader};
use super::redact;
use super::schema::Kind;

/// The part of the sessions that a daemon manages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    /// The index of this daemon, from 0 to `count - 1`.
    pub index: u32,
    /// The number of shards.
    pub count: u32,
    /// The number of shards that manage each session, from 1 to `count`.
    pub copies: u32,
}

impl Shard {
    /// Returns true if this shard manages the session of this name.
    #[must_use]
    pub fn owns(self, session: &SessionName) -> bool {
        let name = fnv1a(session.as_str());
        let own = (weight(name, self.index), self.index);
        let is_heavier = |index: &u32| (weight(name, *index), *index) > own;
        let heavier = (0..self.count).filter(is_heavier);
        // The count is limited by the schema, and few shards have to be found.
        heavier.take(self.copies as usize).count() < self.copies as usize
    }

    /// Reads `[shard]`; `None` if the configuration has no such table.
    pub(super) fn read(top: &TableReader<'_>) -> Option<Self> {
        let found = top.value("shard")?;
        let table = top.table("shard");
        found.value.as_dict()?;
        let count: u32 = table.number("count");
        let copies: u32 = table.number("copies");
        let parse = |text: &str, _: &Kind| {
            let allowed = format!(
                "a number from 0 to {}, or a name that ends in one, such as \"keepalive-0\"",
                count - 1
            );
            let digits = match text.rsplit_once('-') {
                // A negative number is not the name of a pod.
                Some((name, ordinal)) if !name.trim_matches('-').is_empty() => ordinal,
                Some(_) | None => text,
            };
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            match digits.parse() {
                Ok(index) if is_number && index < count => Ok(index),
                _ if is_number => {
                    let title = format!("{} is not below count {count}", redact::quoted(text));
                    Err(ParseProblem::new(title).allowed(allowed))
                }
                _ => {
                    let title = format!(
                        "{} is neither a number nor a name that ends in one",
                        redact::quoted(text)
                    );
                    Err(ParseProblem::new(title).allowed(allowed))
                }
            }
        };
        if table.value("index").is_none() {
            let fault = found.fault("no index").about_the_key();
            let fault = fault.label("the index of this shard is missing");
            table.note(fault.help(
                "write index = \"0\", or set SESSION_KEEPALIVE_SHARD__INDEX to the name of the pod",
            ));
        }
        let index = table.get_optional("index", parse, u32::to_string)?.value;
        if copies > count {
            let written = table.value("copies").or_else(|| table.value("count"));
            if let Some(written) = written {
                let title = format!("copies {copies} exceed count {count}");
                let problem = ParseProblem::new(title).allowed(format!("copies from 1 to {count}"));
                table.refuse(&written, &table.key("copies").kind, problem);
            }
        }
        Some(Self {
            index,
            count,
            copies,
        })
    }
}

/// Displays the shard for people: "shard 2 of 0 to 7, 2 copies of each session".
impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            index,
            count,
            copies,
        } = self;
        let last = count.saturating_sub(1);
        let plural = if *copies == 1 { "copy" } else { "copies" };
        write!(
            formatter,
            "shard {index} of 0 to {last}, {copies} {plural} of each session"
        )
    }
}

/// FNV-1a with 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The weight of a shard for a name: the finalizer of splitmix64 over the hash of the name plus the
/// index times the golden ratio. FNV alone spreads names that differ only at the end too little.
fn weight(name: u64, index: u32) -> u64 {
    let step = (u64::from(index) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = name.wrapping_add(step);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(name: &str, count: u32, copies: u32) -> Vec<u32> {
        let name = SessionName::new(name).unwrap();
        let owns = |index: &u32| {
            let index = *index;
            Shard {
                index,
                count,
                copies,
            }
            .owns(&name)
        };
        (0..count).filter(owns).collect()
    }

    #[test]
    fn the_hash_is_the_same_in_all_versions() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        // The first output of splitmix64 with the seed 0.
        assert_eq!(weight(0, 0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn a_million_names_keep_an_owner_in_any_order_of_restarts_once_the_new_shards_run() {
        let (mut owned, mut moved, mut gaps) = ([0_u32; 8], 0_u32, 0_u32);
        for number in 0..1_000_000_u32 {
            let name = fnv1a(&format!("agent-{number}"));
            let heaviest = |count: u32| {
                let mut best = [(0, 0); 2];
                for index in 0..count {
                    let found = (weight(name, index), index);
                    if found > best[0] {
                        best = [found, best[0]];
                    } else if found > best[1] {
                        best[1] = found;
                    }
                }
                best.map(|(_, index)| index)
            };
            let (before, after) = (heaviest(8), heaviest(12));
            for index in before {
                owned[index as usize] += 1;
            }
            // Shards from 8 on run with the new count before any other restarts. In the worst
            // order, all old owners restart first: then a name that none of them keeps has an
            // owner only among the shards that already run with the new count.
            let keeps = before.iter().any(|index| after.contains(index));
            moved += u32::from(!keeps);
            gaps += u32::from(!keeps && after.iter().all(|index| *index < 8));
        }
        assert_eq!(gaps, 0);
        for owned in owned {
            assert!((245_000..255_000).contains(&owned), "{owned}");
        }
        assert!(moved < 150_000, "{moved}");
    }

    #[test]
    fn each_session_has_as_many_owners_as_copies() {
        for number in 0..1000 {
            for copies in 1..=3 {
                let name = format!("agent-{number}");
                assert_eq!(owners(&name, 8, copies).len(), copies as usize);
            }
        }
    }
}
