//! Chains that somebody has been at.

use super::*;
use crate::audit::{Action, Actor};
use crate::id::{AuditId, TenantId};

const SEED: [u8; 32] = [9; 32];
const LOG: Log = Log::Actions(TenantId::from_bytes([1; 16]));

fn entry(n: u8) -> Entry {
    Entry::new(AuditId::from_bytes([n; 16]), Timestamp(i64::from(n)), Action::LoginSuccess, Actor::Operator)
        .with("n", n)
}

/// A chain of `n` entries behind `cut`, with its head.
fn chain(cut: Place, n: u8) -> (Head, Vec<Link>) {
    let (mut links, mut last, mut at) = (Vec::new(), cut, Timestamp(0));
    for index in 0..n {
        let next = link(LOG, last, at, Timestamp(1000), entry(index));
        (last, at) = (Place { seq: next.seq, hash: next.hash }, next.chained_at);
        links.push(next);
    }
    (Head::sign(LOG, last, cut, at, &SEED), links)
}

fn verify(head: &Head, links: &[Link]) -> Vec<Problem> {
    let mut verifier = Verifier::new(head.clone(), &public_key(&SEED));
    links.iter().for_each(|link| verifier.take(link));
    verifier.finish().problems
}

#[test]
fn an_untouched_chain_has_no_problem() {
    let (head, links) = chain(START, 6);
    assert_eq!(verify(&head, &links), []);
    let (head, links) = chain(Place { seq: 40, hash: Hex([3; 32]) }, 2);
    assert_eq!((head.count(), verify(&head, &links)), (2, vec![]), "what is kept of a cut chain");
    let (head, links) = chain(START, 0);
    assert_eq!(verify(&head, &links), []);
    // What is stored and exported reads back to the same hash.
    let (head, links) = chain(START, 1);
    let text = serde_json::to_string(&links[0]).unwrap();
    assert_eq!(verify(&head, &[serde_json::from_str(&text).unwrap()]), []);
    assert!(serde_json::from_str::<Link>(&text.replacen('{', r#"{"note":"not hashed","#, 1)).is_err());
}

#[test]
fn whatever_is_altered_removed_moved_or_put_in_is_found() {
    let (head, links) = chain(START, 6);
    for index in 0..links.len() {
        let seq = links[index].seq;
        let mut altered = links.clone();
        altered[index].entry.details.insert("n".into(), "other".into());
        assert_eq!(verify(&head, &altered), [Problem::Altered { seq }]);
        let mut altered = links.clone();
        altered[index].entry.at = Timestamp(77);
        assert_eq!(verify(&head, &altered), [Problem::Altered { seq }]);
        let mut altered = links.clone();
        altered[index].chained_at = Timestamp(5);
        assert_eq!(verify(&head, &altered), [Problem::Altered { seq }]);

        // Altered, and hashed again by somebody who knows how: the next entry or the head gives it away.
        let mut forged = links.clone();
        forged[index].entry = entry(99);
        forged[index].hash = forged[index].computed(LOG);
        let expected = match links.get(index + 1) {
            Some(next) => Problem::Detached { seq: next.seq },
            None => Problem::Replaced { seq },
        };
        assert_eq!(verify(&head, &forged), [expected]);

        let mut removed = links.clone();
        removed.remove(index);
        assert_eq!(verify(&head, &removed), [Problem::Missing { from: seq, to: seq }]);

        let mut doubled = links.clone();
        doubled.insert(index, links[index].clone());
        assert_eq!(verify(&head, &doubled), [Problem::Order { seq, after: seq }]);
        if index > 0 {
            let mut swapped = links.clone();
            swapped.swap(index - 1, index);
            assert!(!verify(&head, &swapped).is_empty());
        }
    }
    assert_eq!(verify(&head, &links[..3]), [Problem::Missing { from: 4, to: 6 }], "the end was taken off");
    assert_eq!(verify(&head, &links[2..]), [Problem::Missing { from: 1, to: 2 }], "the beginning was taken off");
    let (_, longer) = chain(START, 7);
    assert_eq!(verify(&head, &longer), [Problem::Beyond { head: 6 }]);
}

#[test]
fn a_head_counts_only_with_the_installations_signature() {
    let (head, links) = chain(START, 4);
    // The whole chain made anew with a key of one's own.
    let own = Head::sign(LOG, head.last, head.cut, head.at, &[8; 32]);
    assert_eq!(verify(&own, &links), [Problem::Signature]);
    // Shortened or cut without signing again.
    let shorter = Head { last: Place { seq: 3, hash: links[2].hash }, ..head.clone() };
    assert_eq!(verify(&shorter, &links[..3]), [Problem::Signature]);
    let cut = Head { cut: Place { seq: 1, hash: links[0].hash }, ..head.clone() };
    assert_eq!(verify(&cut, &links[1..]), [Problem::Signature]);
    // Entries of another log.
    let other = Head::sign(Log::Installation, head.last, head.cut, head.at, &SEED);
    assert_eq!(verify(&other, &links).len(), 4);
    // An old head, signed in its time, with the chain as it was then: only what was noted down elsewhere tells.
    let old = Head::sign(LOG, Place { seq: 3, hash: links[2].hash }, START, head.at, &SEED);
    assert_eq!(verify(&old, &links[..3]), []);
    let anchored = |anchor| {
        let mut verifier = Verifier::new(old.clone(), &public_key(&SEED)).with_anchor(Some(anchor));
        links[..3].iter().for_each(|link| verifier.take(link));
        verifier.finish().problems
    };
    assert_eq!(anchored(Place { seq: 4, hash: links[3].hash }), [Problem::Missing { from: 4, to: 4 }]);
    assert_eq!(anchored(Place { seq: 2, hash: ORIGIN }), [Problem::Anchor { seq: 2 }]);
    assert_eq!(anchored(Place { seq: 2, hash: links[1].hash }), []);
}

#[test]
fn parts_cannot_flow_into_each_other() {
    let one = entry(1).with("a", "bc").to("x");
    let mut two = entry(1).with("ab", "c").to("x");
    let hash = |entry: &Entry| link(LOG, START, Timestamp(0), Timestamp(0), entry.clone()).hash;
    assert_ne!(hash(&one), hash(&two));
    two = entry(1).with("a", "bc");
    two.address = Some("x".into());
    assert_ne!(hash(&one), hash(&two));
}

#[test]
fn many_problems_are_counted_and_few_are_listed() {
    let (head, mut links) = chain(START, 60);
    for link in &mut links {
        link.entry.subject = Some("other".into());
    }
    let mut verifier = Verifier::new(head, &public_key(&SEED));
    links.iter().for_each(|link| verifier.take(link));
    let verdict = verifier.finish();
    assert_eq!((verdict.problems.len(), verdict.problem_count), (PROBLEMS_MAX, 60));
}
