//! Going through a policy.

use std::collections::BTreeSet;

use aims_keys::UnixTime;

use super::judgement::Satisfied;
use super::{EvidenceRule, Judgement, Policy, Rule, Unmet};
use crate::{Appraisal, AppraisalId, BoundKey, Freshness, KeyBinding, Level, Selector};

pub(super) fn judge(policy: &Policy, appraisals: &[&Appraisal], now: UnixTime) -> Judgement {
    let counting: Vec<&Appraisal> =
        appraisals.iter().copied().filter(|appraisal| appraisal.counts(now)).collect();
    let mut best: Option<Satisfied> = None;
    let mut unmet = Vec::new();
    for group in groups(&counting) {
        let mut found = Evaluation { group: &group, hidden: BTreeSet::new(), now, unmet: &mut unmet };
        let found = found.of(policy, &BTreeSet::new());
        let Some(found) = found.map(|found| found.satisfied(&group)) else { continue };
        let is_better = |best: &Satisfied| (found.level, found.not_after) > (best.level, best.not_after);
        if best.as_ref().is_none_or(is_better) {
            best = Some(found);
        }
    }
    unmet.dedup();
    Judgement { policy_id: policy.id.clone(), satisfied: best, unmet }
}

/// What may count together (ATT-112): what is bound to one key by one challenge, with what it hangs on; and whatever is bound to none, by itself.
struct Group<'a> {
    binding: Option<KeyBinding>,
    all: Vec<&'a Appraisal>,
}

fn groups<'a>(appraisals: &[&'a Appraisal]) -> Vec<Group<'a>> {
    let bindings: BTreeSet<&KeyBinding> = appraisals.iter().filter_map(|one| one.binding()).collect();
    let of = |binding| appraisals.iter().copied().filter(move |one| one.binding() == Some(binding));
    let bound = bindings.into_iter().map(|binding| Group::of(Some(*binding), of(binding)));
    let alone = appraisals.iter().copied().filter(|one| one.binding().is_none());
    let mut groups: Vec<_> = bound.chain(alone.map(|one| Group::of(None, [one]))).collect();
    if groups.is_empty() {
        // So that it is told what is missing.
        groups.push(Group::of(None, []));
    }
    groups
}

impl<'a> Group<'a> {
    fn of(binding: Option<KeyBinding>, members: impl IntoIterator<Item = &'a Appraisal>) -> Self {
        Self { binding, all: with_parents(members) }
    }

    /// Whether it is about the key of the group: what others hang on may be about another, that of a machine.
    fn is_bound(&self, one: &Appraisal) -> bool {
        self.binding.is_some() && one.binding() == self.binding.as_ref()
    }

    /// What does not say that hardware holds the key of the group vouches for its holder, however good it is (ATT-113).
    fn level(&self, one: &Appraisal) -> Level {
        let names_key = self.is_bound(one) && matches!(one.bound_key(), BoundKey::Hardware(_));
        if names_key { one.level() } else { one.level().min(Level::VOUCHED) }
    }
}

/// Each once, by its name.
fn with_parents<'a>(members: impl IntoIterator<Item = &'a Appraisal>) -> Vec<&'a Appraisal> {
    let mut all: Vec<&Appraisal> = Vec::new();
    for one in members {
        let mut next = Some(one);
        while let Some(own) = next {
            if !all.iter().any(|known| known.id() == own.id()) {
                all.push(own);
            }
            next = own.parent();
        }
    }
    all
}

struct Evaluation<'e, 'a> {
    group: &'e Group<'a>,
    /// What is not looked at here at all.
    hidden: BTreeSet<AppraisalId>,
    now: UnixTime,
    unmet: &'e mut Vec<Unmet>,
}

/// What a part of a policy rests on.
#[derive(Clone)]
struct Found {
    used: BTreeSet<AppraisalId>,
    level: Level,
    not_after: UnixTime,
}

impl Found {
    fn and(mut self, other: Self) -> Self {
        self.used.extend(other.used);
        self.level = self.level.max(other.level);
        self.not_after = self.not_after.min(other.not_after);
        self
    }

    fn satisfied(self, group: &Group<'_>) -> Satisfied {
        let used: Vec<&&Appraisal> = group.all.iter().filter(|one| self.used.contains(one.id())).collect();
        let mut types: Vec<_> = used.iter().map(|one| one.evidence_type().clone()).collect();
        types.sort();
        types.dedup();
        let mut bound = used.iter().filter(|one| group.is_bound(one)).map(|one| one.bound_key());
        let first = bound.clone().next();
        let in_hardware = bound.find(|key| matches!(key, BoundKey::Hardware(_)));
        Satisfied {
            level: self.level,
            not_after: self.not_after,
            appraisals: self.used.into_iter().collect(),
            types,
            key: in_hardware.or(first).cloned().unwrap_or(BoundKey::None),
            binding: first.and(group.binding),
        }
    }
}

impl<'e, 'a> Evaluation<'e, 'a> {
    /// What satisfies it, of what is not taken.
    fn of(&mut self, policy: &Policy, taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        match &policy.rule {
            Rule::AllOf(policies) => self.all_of(policies, taken),
            Rule::AnyOf(policies) => self.any_of(policies, taken),
            Rule::Evidence(rule) => self.evidence(rule, taken),
            Rule::MinLevel(level) => self.min_level(*level, taken),
            Rule::NOf(n, policies) => self.n_of(*n, policies, taken),
            Rule::Not(policy) => self.not(policy, taken),
            Rule::Proves(selectors) => self.proves(selectors, taken),
            Rule::SameKey(policy) => {
                let group = self.group;
                self.narrowed(policy, taken, "key_not_bound", |one| group.is_bound(one))
            }

            Rule::SameNode(policy) => self.same_node(policy, taken),
        }
    }

    fn all_of(&mut self, policies: &[Policy], taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        // All are gone through, for what each says is missing.
        let found: Vec<_> = policies.iter().map(|policy| self.of(policy, taken)).collect();
        let found: Option<Vec<Found>> = found.into_iter().collect();
        self.or_empty(found?.into_iter().reduce(Found::and))
    }

    fn any_of(&mut self, policies: &[Policy], taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        if policies.is_empty() {
            return self.or_empty(None);
        }
        let found: Vec<_> = policies.iter().map(|policy| self.of(policy, taken)).collect();
        found.into_iter().flatten().max_by_key(|found| (found.level, found.not_after))
    }

    fn n_of(&mut self, n: usize, policies: &[Policy], taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        let mut taken = taken.clone();
        let mut all = Vec::new();
        for policy in policies {
            // Not `take(n)`: the others say what they miss.
            if let Some(found) = self.of(policy, &taken) {
                let used = |one: &&Appraisal| found.used.contains(one.id());
                let same = |one: &&Appraisal| {
                    self.group.all.iter().filter(|own| used(own)).any(|own| is_same(own, one))
                };
                taken.extend(self.group.all.iter().filter(|one| same(one)).map(|one| *one.id()));
                all.push(found);
            }
        }
        if all.len() < n {
            return self.miss("too_few");
        }
        all.sort_by_key(|found| std::cmp::Reverse((found.level, found.not_after)));
        all.truncate(n);
        self.or_empty(all.into_iter().reduce(Found::and))
    }

    fn evidence(&mut self, rule: &EvidenceRule, taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        let kind = rule.evidence_type();
        let mut best: Option<Found> = None;
        let mut lacks = None;
        for one in self.free(taken).filter(|one| one.evidence_type() == kind) {
            match rule.check(one, self.group.is_bound(one), self.group.level(one), self.now) {
                Ok(not_after) => {
                    let found = Found { used: [*one.id()].into(), level: self.group.level(one), not_after };
                    let is_better =
                        |best: &Found| (found.level, found.not_after) > (best.level, best.not_after);
                    if best.as_ref().is_none_or(is_better) {
                        best = Some(found);
                    }
                }
                Err(unmet) => lacks = Some(unmet),
            }
        }
        if best.is_none() {
            self.unmet.push(lacks.unwrap_or_else(|| Unmet::of("evidence_missing").about(kind)));
        }
        best
    }

    fn min_level(&mut self, level: Level, taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        let best = self
            .free(taken)
            .map(|one| Found {
                used: [*one.id()].into(),
                level: self.group.level(one),
                not_after: one.expires(),
            })
            .filter(|found| found.level >= level)
            .max_by_key(|found| (found.level, found.not_after));
        if best.is_some() { best } else { self.miss("level_too_low") }
    }

    fn proves(&mut self, selectors: &[Selector], taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        let mut all: Option<Found> = None;
        for selector in selectors {
            let by = self.free(taken).filter(|one| one.selectors().contains(selector));
            let Some(by) = by.max_by_key(|one| (self.group.level(one), one.expires())) else {
                return self.lack(Unmet::of("selector_missing").without(selector));
            };
            let found =
                Found { used: [*by.id()].into(), level: self.group.level(by), not_after: by.expires() };
            all = Some(all.map_or(found.clone(), |all| all.and(found)));
        }
        self.or_empty(all)
    }

    fn not(&mut self, policy: &Policy, taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        let mut looked_at: Option<Found> = None;
        for kind in policy.evidence_types() {
            let of_kind: Vec<_> = self.free(taken).filter(|one| one.evidence_type() == kind).collect();
            if of_kind.is_empty() {
                return self.lack(Unmet::of("evidence_missing").about(kind));
            }
            for one in of_kind {
                // It says what is not so, and raises nothing.
                let found = Found { used: [*one.id()].into(), level: Level::NONE, not_after: one.expires() };
                looked_at = Some(looked_at.map_or(found.clone(), |all| all.and(found)));
            }
        }
        // What is missing for that is what is wanted here.
        let mut unmet = Vec::new();
        let hidden = self.hidden.clone();
        let mut is_so = Evaluation { group: self.group, hidden, now: self.now, unmet: &mut unmet };
        // Also by what something else rests on.
        let is_so = is_so.of(policy, &BTreeSet::new());
        if is_so.is_some() { self.miss("excluded") } else { self.or_empty(looked_at) }
    }

    /// For each node by itself.
    fn same_node(&mut self, policy: &Policy, taken: &BTreeSet<AppraisalId>) -> Option<Found> {
        let nodes: BTreeSet<AppraisalId> = self.free(taken).map(|one| *root(one).id()).collect();
        let found: Vec<_> = nodes
            .into_iter()
            .map(|node| self.narrowed(policy, taken, "not_same_node", |one| *root(one).id() == node))
            .collect();
        let best = found.into_iter().flatten().max_by_key(|found| (found.level, found.not_after));
        if best.is_some() { best } else { self.miss("not_same_node") }
    }

    /// By those alone that are kept.
    fn narrowed(
        &mut self,
        policy: &Policy,
        taken: &BTreeSet<AppraisalId>,
        otherwise: &'static str,
        is_kept: impl Fn(&Appraisal) -> bool,
    ) -> Option<Found> {
        let mut hidden = self.hidden.clone();
        hidden.extend(self.group.all.iter().filter(|one| !is_kept(one)).map(|one| *one.id()));
        let found =
            Evaluation { group: self.group, hidden, now: self.now, unmet: self.unmet }.of(policy, taken);
        if found.is_some() { found } else { self.miss(otherwise) }
    }

    fn free<'t>(
        &'t self,
        taken: &'t BTreeSet<AppraisalId>,
    ) -> impl Iterator<Item = &'a Appraisal> + use<'t, 'e, 'a> {
        let is_free = |id| !taken.contains(id) && !self.hidden.contains(id);
        self.group.all.iter().copied().filter(move |one| is_free(one.id()))
    }

    fn or_empty(&mut self, found: Option<Found>) -> Option<Found> {
        if found.is_some() { found } else { self.miss("empty_policy") }
    }

    fn miss(&mut self, code: &'static str) -> Option<Found> {
        self.lack(Unmet::of(code))
    }

    fn lack(&mut self, unmet: Unmet) -> Option<Found> {
        self.unmet.push(unmet);
        None
    }
}

/// Whether two are one piece: whoever brings the same twice has shown no more, nor whoever has one device say the same of one key twice, or answer one challenge for it twice.
/// By its bytes alone one piece is not told from another: white space makes two of one.
fn is_same(one: &Appraisal, other: &Appraisal) -> bool {
    let about = |one: &'_ Appraisal| match one.bound_key() {
        BoundKey::Hardware(key) => Some(*key),
        BoundKey::ProofOfPossession(key) if one.freshness() == Freshness::Nonce => Some(*key),
        _ => None,
    };
    let about_one_key = || about(one).is_some() && about(one) == about(other);
    one.evidence_type() == other.evidence_type()
        && (one.evidence_digest() == other.evidence_digest() || about_one_key())
}

fn root(appraisal: &Appraisal) -> &Appraisal {
    let mut own = appraisal;
    while let Some(parent) = own.parent() {
        own = parent;
    }
    own
}
