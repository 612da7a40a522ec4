//! Users against a model: whatever is done, however it is cut, with restarts and snapshots between.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    Delete(u8),
    Import(Vec<(u8, u8)>),
    Reopen,
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8).prop_map(Step::Create),
        3 => (0..12_u8).prop_map(Step::Delete),
        2 => prop::collection::vec((0..12_u8, 0..3_u8), 0..6).prop_map(Step::Import),
        1 => Just(Step::Reopen),
        1 => Just(Step::Snapshot),
    ]
}

fn name(n: u8) -> String {
    format!("user-{n}")
}

/// Long enough that a few users fill a block.
fn password(n: u8) -> String {
    n.to_string().repeat(500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_a_map(steps in prop::collection::vec(step(), 1..24)) {
        let (dir, mut store) = new_store();
        tell(&store, [create_authenticator(BUILT_IN)]);
        let mut model = BTreeMap::<String, String>::new();
        for step in steps {
            match step {
                Step::Create(n) => {
                    let done = tell_one(&store, Command::CreateUser { key: user_key(&name(n)), user: new_user(&password(n)) });
                    prop_assert_eq!(done == Reply::Done, !model.contains_key(&name(n)));
                    model.entry(name(n)).or_insert_with(|| password(n));
                }
                Step::Delete(n) => {
                    let done = tell_one(&store, delete_user(&name(n))) == Reply::Done;
                    prop_assert_eq!(done, model.remove(&name(n)).is_some());
                }
                Step::Import(rows) => {
                    let rows: Vec<_> = rows.into_iter().map(|(n, p)| (name(n), password(p))).collect();
                    let borrowed: Vec<_> = rows.iter().map(|(n, p)| (n.as_str(), p.as_str())).collect();
                    tell_one(&store, import(OnConflict::Replace, &borrowed));
                    model.extend(rows);
                }
                Step::Reopen => {
                    drop(store);
                    let (again, opened) = open(dir.path(), None);
                    prop_assert_eq!(opened, Opened::Sound);
                    store = again;
                }
                Step::Snapshot => {
                    let file = dir.path().join("snapshot");
                    store.freeze().unwrap().write(&file, "c").unwrap();
                    store.install(&file).unwrap();
                }
            }
            let page = store.users(&query(100)).unwrap();
            let seen: BTreeMap<_, _> = page.users.into_iter()
                .map(|(key, user)| (key.user_id, user.password.expose().to_owned()))
                .collect();
            prop_assert_eq!(&seen, &model);
            prop_assert_eq!(store.user_count(), model.len() as u64);
        }
    }

    #[test]
    fn moving_and_reordering_keep_the_set(steps in prop::collection::vec(rearrangement(), 1..32)) {
        let (_dir, store) = new_store();
        let mut model: Vec<String> = (0..5).map(name).collect();
        tell(&store, model.iter().map(|id| create_authenticator(id)));
        for step in steps {
            let done = tell_one(&store, step.command()) == Reply::Done;
            let expected = step.applied_to(&model);
            prop_assert_eq!(done, expected.is_some(), "{:?} on {:?}", step, &model);
            model = expected.unwrap_or(model);
            let order: Vec<_> = store.authenticators().into_iter().map(|one| one.key.id).collect();
            prop_assert_eq!(&order, &model);
        }
    }
}

/// A change of a chain's order, sound or not.
#[derive(Clone, Debug)]
enum Rearrangement {
    Move(u8, Position),
    Reorder(Vec<u8>),
}

fn rearrangement() -> impl Strategy<Value = Rearrangement> {
    let position = prop_oneof![
        Just(Position::Front),
        Just(Position::Rear),
        (0..6_u8).prop_map(|beside| Position::Before(name(beside))),
        (0..6_u8).prop_map(|beside| Position::After(name(beside))),
    ];
    prop_oneof![
        3 => (0..6_u8, position).prop_map(|(id, position)| Rearrangement::Move(id, position)),
        1 => Just((0..5).collect::<Vec<u8>>()).prop_shuffle().prop_map(Rearrangement::Reorder),
        1 => prop::collection::vec(0..6_u8, 0..7).prop_map(Rearrangement::Reorder),
    ]
}

impl Rearrangement {
    fn command(&self) -> Command {
        match self {
            Self::Move(id, position) => Command::MoveAuthenticator {
                key: authenticator_key(&name(*id)),
                position: position.clone(),
            },
            Self::Reorder(ids) => Command::ReorderAuthenticators {
                chain: "global".into(),
                ids: ids.iter().copied().map(name).collect(),
            },
        }
    }

    /// The order afterwards; `None` if it must be refused.
    fn applied_to(&self, order: &[String]) -> Option<Vec<String>> {
        match self {
            Self::Reorder(ids) => {
                let ids: Vec<_> = ids.iter().copied().map(name).collect();
                let sorted = |mut ids: Vec<String>| {
                    ids.sort();
                    ids
                };
                (sorted(ids.clone()) == sorted(order.to_vec())).then_some(ids)
            }
            Self::Move(id, position) => {
                let id = name(*id);
                let from = order.iter().position(|other| *other == id)?;
                let mut order = order.to_vec();
                order.remove(from);
                let at = |beside: &String| order.iter().position(|other| other == beside);
                let to = match position {
                    Position::Front => 0,
                    Position::Rear => order.len(),
                    Position::Before(beside) => at(beside)?,
                    Position::After(beside) => at(beside)? + 1,
                };
                order.insert(to, id);
                Some(order)
            }
        }
    }
}
