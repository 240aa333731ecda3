//! The table of marks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aims_credential::{Lapsed, LineageId, Mark, MarkKey, MarkTable, Marks, MarksUnavailable};
use aims_jose::Thumbprint;
use aims_keys::backend;
use aims_testkit::assert_refused;

use crate::support::{EXP, IAT, LEEWAY, ORIGIN, SUBJECT, World, at, id, now};

fn credential(id: &str) -> MarkKey<'_> {
    MarkKey::Credential { origin: ORIGIN, id }
}

#[test]
fn aims_55_what_a_mark_cuts_off() {
    let skew = Duration::from_secs(30);
    let check = |mark: Mark, begun| mark.check(at(begun), skew);
    assert_eq!(check(Mark::default(), 0), Ok(()));
    assert_refused!(check(Mark::dead(), u64::MAX), "revoked", "AIMS-55");
    assert_refused!(check(Mark::suspended(), u64::MAX), "suspended", "AIMS-55");
    // Strictly later than the cut and the skew.
    assert_refused!(check(Mark::not_before(at(1000)), 1030), "superseded", "AIMS-55");
    assert_eq!(check(Mark::not_before(at(1000)), 1031), Ok(()));
    // Death outweighs the rest.
    assert_eq!(check(Mark::dead().and(Mark::suspended()), 0), Err(Lapsed::Dead));
}

#[test]
fn aims_55_marks_add_up_in_any_order() {
    let marks = [Mark::dead(), Mark::suspended(), Mark::not_before(at(5)), Mark::not_before(at(7))];
    for shift in 0..marks.len() {
        let table = MarkTable::with_capacity(1);
        for at in 0..marks.len() {
            table.add(&credential("a"), marks[(at + shift) % marks.len()]).unwrap();
        }
        let sum = table.mark(&credential("a")).unwrap().unwrap();
        assert_eq!((sum.not_before, sum.suspended, sum.dead), (Some(at(7)), true, true));
    }
    let table = MarkTable::with_capacity(1);
    table.add(&credential("a"), Mark::dead()).unwrap();
    table.set(&credential("a"), Mark::suspended()).unwrap();
    assert_eq!(table.mark(&credential("a")), Ok(Some(Mark::suspended())));
}

#[test]
fn aims_55_keys_and_urls_are_names_too() {
    let table = MarkTable::with_capacity(2);
    let [key, other] =
        ["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"];
    let [key, other] = [key, other].map(|text| text.parse::<Thumbprint>().unwrap());
    for (marked, not_marked) in [
        (MarkKey::Key(&key), MarkKey::Key(&other)),
        (MarkKey::Url("https://bot.example/"), MarkKey::Url("https://bot.example/a")),
    ] {
        table.add(&marked, Mark::suspended()).unwrap();
        table.add(&marked, Mark::dead()).unwrap();
        assert_eq!(table.mark(&marked), Ok(Some(Mark::suspended().and(Mark::dead()))));
        assert_eq!(table.mark(&not_marked), Ok(None));
        assert!(!table.clear(&not_marked));
    }
    assert_eq!(table.len(), 2);
    assert_refused!(table.add(&credential("a"), Mark::dead()), "marks_full", "AIMS-55");
    assert!(table.clear(&MarkKey::Key(&key)) && table.clear(&MarkKey::Url("https://bot.example/")));
    assert!(table.is_empty());
}

/// The same text is another name where another gave it, or where it names something else.
#[test]
fn aims_55_what_an_authorization_server_names_is_its_own() {
    let (one, other) = ("https://as.example", "https://as.other.example");
    let table = MarkTable::with_capacity(10);
    let [id, another] = ["a", "b"].map(|id| LineageId::of(one, id, backend::ring()));
    let keys = [
        MarkKey::Client { issuer: one, client: "x" },
        MarkKey::Subject { issuer: one, subject: "x" },
        MarkKey::Transaction { issuer: one, id: "x" },
        MarkKey::Credential { origin: one, id: "x" },
        MarkKey::Token(&id),
    ];
    let others = [
        MarkKey::Client { issuer: other, client: "x" },
        MarkKey::Subject { issuer: other, subject: "x" },
        MarkKey::Transaction { issuer: one, id: "y" },
        MarkKey::Token(&another),
    ];
    for (at, key) in keys.iter().enumerate() {
        table.add(key, Mark::suspended()).unwrap();
        assert_eq!(table.len(), at + 1);
        for unmarked in keys.iter().skip(at + 1).chain(&others) {
            assert_eq!(table.mark(unmarked), Ok(None), "{unmarked:?}");
        }
        table.add(key, Mark::dead()).unwrap();
        assert_eq!(table.mark(key), Ok(Some(Mark::suspended().and(Mark::dead()))));
    }
    for (at, key) in keys.iter().enumerate() {
        assert!(table.clear(key) && !table.clear(key), "{key:?}");
        assert_eq!((table.mark(key), table.len()), (Ok(None), keys.len() - at - 1));
    }
    // Who gave it and what it is called cannot run into each other.
    assert_ne!(LineageId::of("a", "b", backend::ring()), LineageId::of("ab", "", backend::ring()));
    let shown = id.to_string();
    assert_eq!((shown.len(), format!("{id:?}")), (22, format!("LineageId({shown})")));
    assert_eq!(LineageId::from_bytes(*id.as_bytes()), id);
}

#[test]
fn aims_55_a_full_table_refuses_and_forgets_nothing() {
    let table = MarkTable::with_capacity(3);
    let agent = id(SUBJECT);
    table.add(&MarkKey::Agent(&agent), Mark::dead()).unwrap();
    table.add(&credential("a"), Mark::dead()).unwrap();
    table.add(&MarkKey::Credential { origin: "wimse://acme.example", id: "a" }, Mark::dead()).unwrap();
    assert_eq!((table.len(), table.is_empty()), (3, false));
    let full = assert_refused!(table.add(&credential("b"), Mark::dead()), "marks_full", "AIMS-55");
    assert_eq!(full.to_string(), "there is no room for another mark");
    assert_refused!(table.set(&credential("b"), Mark::dead()), "marks_full", "AIMS-55");
    // What is there can change, and what goes makes room.
    table.add(&credential("a"), Mark::suspended()).unwrap();
    assert_eq!(table.mark(&credential("b")), Ok(None));
    assert!(table.clear(&credential("a")) && !table.clear(&credential("a")));
    assert!(!table.clear(&MarkKey::Credential { origin: "spiffe://nobody.example", id: "a" }));
    assert_eq!(table.len(), 2);
    table.add(&credential("b"), Mark::dead()).unwrap();
    assert!(table.clear(&MarkKey::Agent(&agent)) && !table.clear(&MarkKey::Agent(&agent)));
    assert!(table.clear(&credential("b")));
    assert!(table.clear(&MarkKey::Credential { origin: "wimse://acme.example", id: "a" }));
    assert!(table.is_empty());
    assert_eq!(table.mark(&MarkKey::Agent(&agent)), Ok(None));
}

#[test]
fn aims_55_nothing_is_live_until_the_marks_are_loaded() {
    let table = MarkTable::loading(10);
    table.add(&credential("a"), Mark::suspended()).unwrap();
    assert_eq!(table.mark(&credential("a")), Err(MarksUnavailable::new()));
    assert_eq!(table.mark(&credential("b")), Err(MarksUnavailable::new()));
    table.loaded();
    assert_eq!(table.mark(&credential("a")), Ok(Some(Mark::suspended())));
    assert_eq!(table.mark(&credential("b")), Ok(None));
    table.lost();
    assert_refused!(table.mark(&credential("b")).map_err(Lapsed::from), "marks_unavailable", "AIMS-55");
    let shown = format!("{table:?}");
    assert!(shown.contains("loaded: false") && shown.contains("len: 1"), "{shown}");
}

#[test]
fn aims_8_aims_55_a_verified_wit_is_asked_at_every_use() {
    let world = World::new();
    let wit = world.verifier().verify(&world.forge().token(), now()).unwrap();
    let marks = Arc::new(MarkTable::with_capacity(10));
    wit.still_valid(now(), &marks).unwrap();
    wit.still_valid(at(EXP + LEEWAY - 1), &marks).unwrap();
    assert_refused!(wit.still_valid(at(EXP + LEEWAY), &marks), "expired", "AIMS-8");
    let agent = id(SUBJECT);
    let keys = [MarkKey::Agent(&agent), credential("AAECAwQFBgcICQoLDA0ODw"), MarkKey::Key(wit.thumbprint())];
    assert!(wit.mark_keys().eq(keys));
    for key in keys {
        marks.add(&key, Mark::not_before(at(IAT))).unwrap();
        assert_refused!(wit.still_valid(now(), &marks), "superseded", "AIMS-55");
        marks.clear(&key);
    }
    assert_refused!(wit.still_valid(now(), &MarkTable::loading(1)), "marks_unavailable", "AIMS-55");
}

#[test]
fn aims_55_threads_fill_a_table_to_its_capacity_and_lose_no_cut() {
    let table = MarkTable::with_capacity(100);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (table, done) = (&table, &done);
            scope.spawn(move || {
                for i in 0..50 {
                    // Every name is cut by two threads, in two ways.
                    let name = (i + (thread % 2) * 50).to_string();
                    let mark = if thread < 2 { Mark::suspended() } else { Mark::dead() };
                    done.fetch_add(
                        usize::from(table.add(&credential(&name), mark).is_ok()),
                        Ordering::SeqCst,
                    );
                    assert!(table.mark(&credential(&name)).unwrap().is_some());
                }
            });
        }
    });
    assert_eq!((done.into_inner(), table.len()), (200, 100));
    for i in 0..100 {
        let mark = table.mark(&credential(&i.to_string())).unwrap().unwrap();
        assert!(mark.suspended && mark.dead);
    }
    assert_refused!(table.add(&credential("one more"), Mark::dead()), "marks_full", "AIMS-55");
}

/// A store that looks up one name at a time, as most will.
#[derive(Debug)]
struct OneByOne(MarkTable);

impl Marks for OneByOne {
    fn mark(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        self.0.mark(key)
    }
}

#[test]
fn aims_55_a_store_of_the_deployment_is_asked_for_every_name() {
    let world = World::new();
    let wit = world.verifier().verify(&world.token(), now()).unwrap();
    let marks = Arc::new(OneByOne(MarkTable::with_capacity(8)));
    wit.still_valid(now(), &marks).unwrap();
    let jti = wit.token_id().unwrap();
    marks.0.add(&credential(jti), Mark::suspended()).unwrap();
    assert_refused!(wit.still_valid(now(), &marks), "suspended", "AIMS-55");
    // Through a shared pointer, one name is what it is without.
    assert_eq!(Marks::mark(&marks, &credential(jti)), Ok(Some(Mark::suspended())));
    assert_eq!(Marks::mark(&marks, &credential("another")), Ok(None));
}
