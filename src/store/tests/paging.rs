//! Listing users page by page.

use super::*;

fn filled() -> (TempDir, Store) {
    let (dir, store) = new_store();
    let users = ["b2", "a1", "c3", "b1", "a2"].map(create_user);
    tell(
        &store,
        [create_authenticator(BUILT_IN), create_authenticator("other")]
            .into_iter()
            .chain(users),
    );
    let key = UserKey {
        authenticator: "other".into(),
        ..user_key("a0")
    };
    tell_one(
        &store,
        Command::CreateUser {
            key,
            user: NewUser {
                is_superuser: true,
                ..new_user("x")
            },
        },
    );
    (dir, store)
}

#[test]
fn pages_ascend_and_join_without_gap_or_overlap() {
    let (_dir, store) = filled();
    let mut seen = Vec::new();
    let mut query = query(2);
    loop {
        let page = store.users(&query).unwrap();
        assert_eq!(page.total, Some(5));
        seen.extend(names(&page).into_iter().map(String::from));
        if !page.more {
            break;
        }
        query.after = page.next_after;
    }
    assert_eq!(seen, ["a1", "a2", "b1", "b2", "c3"]);
}

#[test]
fn a_prefix_bounds_the_list_and_its_total() {
    let (_dir, store) = filled();
    let page = store
        .users(&UserQuery {
            prefix: "b".into(),
            ..query(1)
        })
        .unwrap();
    assert_eq!((names(&page), page.more, page.total), (vec!["b1"], true, Some(2)));
    let page = store
        .users(&UserQuery {
            prefix: "b".into(),
            after: page.next_after,
            ..query(1)
        })
        .unwrap();
    assert_eq!((names(&page), page.more, page.total), (vec!["b2"], false, Some(2)));
}

#[test]
fn a_total_follows_who_comes_and_goes() {
    let (dir, store) = filled();
    let total = |prefix: &str| {
        let query = UserQuery {
            prefix: prefix.into(),
            ..query(1)
        };
        store.users(&query).unwrap().total
    };
    assert_eq!(
        (total("b"), total("b"), total("a"), total("b")),
        (Some(2), Some(2), Some(2), Some(2))
    );
    tell(&store, ["b3", "c4"].map(create_user));
    assert_eq!((total("b"), total("c")), (Some(3), Some(2)));
    tell(&store, [delete_user("b1"), create_user("b4"), delete_user("b2")]);
    assert_eq!((total("b"), total("b")), (Some(2), Some(2)));
    let file = dir.path().join("snapshot");
    store.freeze().unwrap().write(&file, "c").unwrap();
    tell(&store, [create_user("b5")]);
    assert_eq!(total("b"), Some(3));
    store.install(&file).unwrap();
    assert_eq!(total("b"), Some(2));
}

#[test]
fn filters_leave_out_what_does_not_match() {
    let (_dir, store) = filled();
    let page = store
        .users(&UserQuery {
            contains: "1".into(),
            ..query(10)
        })
        .unwrap();
    assert_eq!((names(&page), page.more, page.total), (vec!["a1", "b1"], false, None));
    let page = store
        .users(&UserQuery {
            is_superuser: Some(true),
            ..query(10)
        })
        .unwrap();
    assert!(page.users.is_empty());
    let other = UserQuery {
        authenticator: "other".into(),
        is_superuser: Some(true),
        ..query(10)
    };
    assert_eq!(names(&store.users(&other).unwrap()), ["a0"]);
}

#[test]
fn an_authenticator_without_users_has_an_empty_page() {
    let (_dir, store) = filled();
    let page = store
        .users(&UserQuery {
            authenticator: "none".into(),
            ..query(10)
        })
        .unwrap();
    assert_eq!((names(&page), page.more, page.total), (vec![], false, Some(0)));
}

/// More than are read in one step, and each block holds only a few.
fn crowd(letter: char) -> Vec<String> {
    (0..1200).map(|n| format!("{letter}-{n:04}")).collect()
}

fn import_all(store: &Store, names: &[String]) {
    let rows: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), "$a$hash$of$some$length"))
        .collect();
    tell_one(store, import(OnConflict::Replace, &rows));
}

#[test]
fn a_crowd_is_counted_and_listed_whole() {
    let (_dir, store) = filled();
    import_all(&store, &crowd('m'));
    let mut wanted: Vec<_> = ["a1", "a2", "b1", "b2", "c3"].map(String::from).into();
    wanted.extend(crowd('m'));
    let mut query = query(700);
    let mut seen = Vec::new();
    loop {
        let page = store.users(&query).unwrap();
        seen.extend(names(&page).into_iter().map(String::from));
        query.after = page.next_after;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, wanted);
    let counted = |prefix: &str| {
        let prefix = prefix.into();
        store
            .users(&UserQuery {
                prefix,
                ..super::query(1)
            })
            .unwrap()
            .total
    };
    assert_eq!(
        (counted("m-"), counted("m-01"), counted("n")),
        (Some(1200), Some(100), Some(0))
    );
}

#[test]
fn a_list_read_while_others_come_and_go_misses_nobody_who_stays() {
    let (_dir, store) = filled();
    import_all(&store, &crowd('m'));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..30 {
                let passing: Vec<_> = crowd('m').iter().map(|name| format!("{name}-{round}")).collect();
                import_all(&store, &passing);
                tell_one(
                    &store,
                    Command::DeleteUsers {
                        chain: "global".into(),
                        authenticator: BUILT_IN.into(),
                        user_ids: passing,
                    },
                );
            }
        });
        for _ in 0..30 {
            let page = store.users(&query(10_000)).unwrap();
            let mut seen = names(&page);
            assert!(seen.is_sorted_by(|one, next| one < next));
            seen.retain(|name| name.len() == "m-0000".len());
            assert_eq!(seen, crowd('m'));
        }
    });
}
