//! What this node keeps, and what it answers whoever asks for it, here or from another node.

use std::sync::Arc;

use super::asking::{Ask, Told, packed, unpacked};
use super::import_jobs::ImportJobs;
use super::things::Things;
use crate::auth::{Clock, Secret};
use crate::cluster::Parcel;

/// What this node keeps for people who are signed in.
pub struct Keeper {
    pub(super) things: Things,
    pub(super) imports: Arc<ImportJobs>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Keeper {
    /// Nothing is kept yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            things: Things::default(),
            imports: Arc::default(),
            clock,
        }
    }

    /// Answers another node.
    pub fn answer(&self, asked: &Parcel) -> Result<Parcel, String> {
        let ask = unpacked(asked).map_err(|why| format!("what is asked {why}"))?;
        packed(&self.tell(ask)).map_err(|why| format!("the answer {why}"))
    }

    /// Answers from memory.
    pub(super) fn tell(&self, ask: Ask) -> Told {
        let (things, now) = (&self.things, self.clock.instant());
        match ask {
            Ask::Replace(ticket, thing) => {
                if things.find(&ticket, now).is_none() {
                    return Told::Unknown;
                }
                things.keep(ticket, Secret::new(thing), now);
                Told::Done
            }
            Ask::Find(ticket) => match things.find(&ticket, now) {
                Some(thing) => Told::Thing(thing.expose().to_vec()),
                None => Told::Unknown,
            },
            Ask::Forget(ticket) => {
                things.forget(&ticket);
                Told::Done
            }
            Ask::Look(name) => match self.imports.find(&name) {
                Some(job) => Told::Import(Box::new(job.view())),
                None => Told::Unknown,
            },
            Ask::Rejects(name, most) => match self.imports.find(&name) {
                Some(job) => Told::Rejects(job.rejects(most)),
                None => Told::Unknown,
            },
            Ask::Begin(name) => match self.imports.find(&name) {
                Some(job) => {
                    job.begin();
                    Told::Done
                }
                None => Told::Unknown,
            },
            Ask::Stop(name) => match self.imports.find(&name) {
                Some(job) => {
                    job.stop();
                    Told::Done
                }
                None => Told::Unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::things::{Shelf, Ticket};
    use super::{Arc, Ask, Clock as _, Keeper, Parcel, Secret, Told, packed, unpacked};
    use crate::auth::TestClock;

    fn ticket(session: &str) -> Ticket {
        Ticket {
            shelf: Shelf::Drafts,
            account: "ann".into(),
            session: session.into(),
            name: "1-a".into(),
        }
    }

    fn asked(keeper: &Keeper, ask: Ask) -> Told {
        let answer = keeper.answer(&packed(&ask).unwrap()).unwrap();
        unpacked(&answer).unwrap()
    }

    #[test]
    fn another_node_is_told_what_its_visitor_s_session_may_know() {
        let clock = Arc::new(TestClock::at(1000));
        let keeper = Keeper::new(Arc::<TestClock>::clone(&clock));
        let found = |session: &str| match asked(&keeper, Ask::Find(ticket(session))) {
            Told::Thing(thing) => Some(thing),
            _ => None,
        };
        keeper
            .things
            .keep(ticket("hers"), Secret::new("draft"), clock.instant());
        assert_eq!(found("hers"), Some(b"draft".to_vec()));
        assert_eq!(found("another"), None);
        let replaced = asked(&keeper, Ask::Replace(ticket("another"), b"x".to_vec()));
        assert!(matches!(replaced, Told::Unknown));
        let replaced = asked(&keeper, Ask::Replace(ticket("hers"), b"more".to_vec()));
        assert!(matches!(replaced, Told::Done) && found("hers") == Some(b"more".to_vec()));
        asked(&keeper, Ask::Forget(ticket("hers")));
        assert_eq!(found("hers"), None);
    }

    #[test]
    fn what_is_not_known_or_makes_no_sense_is_told_apart() {
        let keeper = Keeper::new(Arc::new(TestClock::at(1000)));
        for ask in [
            Ask::Look("1-a".into()),
            Ask::Begin("1-a".into()),
            Ask::Stop("1-a".into()),
            Ask::Rejects("1-a".into(), 5),
        ] {
            assert!(matches!(asked(&keeper, ask), Told::Unknown));
        }
        assert!(keeper.answer(&Parcel::new(vec![99])).is_err());
    }
}
