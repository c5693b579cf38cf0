//! The audit log: the stamp that an action's entry is made with, and who reads what.
//!
//! **Invariants**: an entry is written in the transaction of what it records, so that nothing is acknowledged without
//! it; its id and time are made before that transaction's retry loop; nothing secret is ever in it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;

use coditect_api::audit::{AuditEntry, AuditHead, AuditPage, AuditVerification};
use coditect_api::error::ErrorKind;
use coditect_model::ambient::{Timestamp, random_bytes};
use coditect_model::audit::chain::{Head, Hex, Link, START, Verifier, public_key};
use coditect_model::audit::files::FileReport;
use coditect_model::audit::{Action, Actor, Entry, Log};
use coditect_model::id::{AuditId, LoginId, TenantId, WorkspaceId};
use coditect_store::Txn;

use super::authority::Authority;
use crate::caller::{Caller, Me};
use crate::control::Control;
use crate::error::AppError;
use crate::records::audit::{self, AuditKeyRecord, Keep};
use crate::records::workspace;
use crate::secret;

/// Entries that one page looks at for what fits its filters.
const SCAN_MAX: usize = 2_000;
/// Entries read in one transaction.
pub(crate) const READ_PAGE: usize = 200;
/// Batches of waiting entries that a reader first gives their places.
const CATCH_UP_BATCHES: usize = 20;
/// Entries above the limit before a log is cut: it is not cut for each one.
const CUT_SLACK: u64 = 1_000;

/// Who does something, and when: made once, before the retry loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    id: AuditId,
    at: Timestamp,
    actor: Actor,
    login: Option<LoginId>,
    address: Option<IpAddr>,
}

impl Stamp {
    /// An entry of this stamp. Two of one transaction differ in their action.
    pub(crate) fn entry(&self, action: Action) -> Entry {
        let mut id = self.id.to_bytes();
        id[8] = action as u8;
        let mut entry = Entry::new(AuditId::from_bytes(id), self.at, action, self.actor);
        entry.login = self.login;
        entry.address = self.address.map(|address| address.to_string());
        entry
    }

    /// Writes an entry of what is done to a tenant.
    pub(crate) fn write(&self, txn: &Txn, tenant: TenantId, entry: &Entry) {
        audit::append(txn, Log::Actions(tenant), self.at, entry);
    }

    /// Writes an entry that belongs to no tenant.
    pub(crate) fn write_installation(&self, txn: &Txn, entry: &Entry) {
        audit::append(txn, Log::Installation, self.at, entry);
    }

    /// The same moment, by somebody else: who it was is known only now.
    pub(crate) fn by(self, actor: Actor, login: Option<LoginId>) -> Self {
        Self { actor, login, ..self }
    }
}

/// What signs the ends of logs.
pub(crate) struct AuditKey {
    pub(crate) seed: [u8; 32],
    pub(crate) public: Hex<32>,
}

/// Which entries to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Part of an actor's name: all of it.
    pub(crate) actor: Option<Actor>,
    /// An action, or the part before its dot.
    pub(crate) action: Option<String>,
    pub(crate) workspace: Option<WorkspaceId>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl Filter {
    fn fits(&self, entry: &Entry) -> bool {
        let word = entry.action.as_str();
        self.actor.is_none_or(|actor| actor == entry.actor)
            && self.workspace.is_none_or(|workspace| Some(workspace) == entry.workspace)
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at <= to)
            && self.action.as_deref().is_none_or(|wanted| {
                word == wanted || word.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
            })
    }
}

/// Which log a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Actions,
    Files,
    Installation,
}

impl Control {
    fn stamped(&self, actor: Actor, login: Option<LoginId>, address: Option<IpAddr>) -> Stamp {
        Stamp { id: self.audit_id(), at: self.clock.now(), actor, login, address }
    }

    /// A fresh id: those that this process makes in one millisecond sort as they were made.
    pub(crate) fn audit_id(&self) -> AuditId {
        let mut id = random_bytes::<16>(&*self.entropy);
        id[..8].copy_from_slice(&self.audit_ids.fetch_add(1, Relaxed).to_be_bytes());
        AuditId::from_bytes(id)
    }

    pub(crate) fn stamp(&self, caller: &Caller) -> Stamp {
        match caller {
            Caller::User { principal, login, .. } => self.stamped(Actor::User(principal.user), Some(*login), None),
            Caller::Operator => self.stamped(Actor::Operator, None, None),
        }
    }

    pub(crate) fn stamp_me(&self, me: Me) -> Stamp {
        self.stamped(Actor::User(me.user), Some(me.login), None)
    }

    pub(crate) fn stamp_from(&self, address: IpAddr) -> Stamp {
        self.stamped(Actor::Anonymous, None, Some(address))
    }

    pub(crate) fn stamp_platform(&self) -> Stamp {
        self.stamped(Actor::Platform, None, None)
    }

    /// Writes one entry that no other change goes with: of something refused.
    pub(crate) async fn record(&self, stamp: Stamp, tenant: Option<TenantId>, entry: Entry) -> Result<(), AppError> {
        let entry = &entry;
        self.store
            .transact("audit", |txn| async move {
                match tenant {
                    Some(tenant) => stamp.write(&txn, tenant, entry),
                    None => stamp.write_installation(&txn, entry),
                }
                Ok(())
            })
            .await
    }

    /// How an address that has no account is written down: whoever knows it finds it, nobody reads it.
    pub(crate) fn unknown_account(&self, email: &str) -> String {
        let salted = [&self.audit_key.public.0[..], email.trim().to_lowercase().as_bytes()].concat();
        format!("sha256:{}", &Hex(secret::hash(&salted)).to_string()[..32])
    }

    /// Loads what signs the ends of logs; makes it at the first start.
    pub(crate) async fn load_audit_key(
        store: &coditect_store::Store,
        entropy: &dyn coditect_model::ambient::Entropy,
        now: Timestamp,
    ) -> Result<AuditKey, AppError> {
        let fresh = AuditKeyRecord { seed: secret::encode(&random_bytes::<32>(entropy)), created_at: now };
        let fresh = &fresh;
        let record = store.transact("load audit key", |txn| async move { audit::key(&txn, fresh).await }).await?;
        let seed: Option<[u8; 32]> = secret::decode(&record.seed).and_then(|bytes| bytes.try_into().ok());
        let seed = seed.ok_or_else(|| AppError::internal("the stored audit key is damaged"))?;
        Ok(AuditKey { public: public_key(&seed), seed })
    }

    /// Removes from a log what the retention says, and gives waiting entries their places, a batch at a time; `false`
    /// when some may still wait.
    pub(crate) async fn chain_log(&self, log: Log, batches: usize) -> Result<(Option<Head>, bool), AppError> {
        let mut newest = None;
        self.cut_log(log).await?;
        for _ in 0..batches {
            let now = self.clock.now();
            let seed = &self.audit_key.seed;
            let (head, more) = self
                .store
                .transact("chain audit entries", |txn| async move { audit::chain(&txn, log, now, seed).await })
                .await?;
            newest = head;
            if !more {
                return Ok((newest, true));
            }
        }
        Ok((newest, false))
    }

    /// Removes what the retention says from a log, and writes down that it did.
    async fn cut_log(&self, log: Log) -> Result<(), AppError> {
        let limits = &self.config.audit;
        let (entries, age_s) = match log {
            Log::Actions(_) | Log::Installation => (limits.actions_max, limits.actions_age_s),
            Log::Files(_) => (limits.files_max, limits.files_age_s),
        };
        let now = self.clock.now();
        let keep = Keep { entries, slack: CUT_SLACK.min(entries), since: now.plus_s(age_s.saturating_neg()) };
        let (stamp, seed) = (self.stamp_platform(), &self.audit_key.seed);
        let cut = self
            .store
            .transact("cut audit log", |txn| async move {
                let cut = audit::cut(&txn, log, keep, seed).await?;
                if let Some((head, removed)) = &cut {
                    let entry = stamp.entry(Action::LogCut).with("removed", removed).with("up_to", head.cut.seq);
                    audit::append(&txn, log, stamp.at, &entry.with("hash", head.cut.hash));
                }
                Ok::<_, AppError>(cut)
            })
            .await?;
        if let Some((head, removed)) = cut {
            tracing::info!(%log, removed, up_to = head.cut.seq, "the oldest audit entries were removed, as the retention says");
        }
        Ok(())
    }

    /// Writes what hosts report about files, each to the log of its workspace's tenant. `at` stays the same however often
    /// it is tried.
    pub(crate) async fn record_file_reports(
        &self,
        at: Timestamp,
        reports: &[(AuditId, FileReport)],
        tenants: &mut HashMap<WorkspaceId, TenantId>,
    ) -> Result<(), AppError> {
        /// Tenants remembered, so that the last reports of a workspace that is gone find theirs.
        const TENANTS_MAX: usize = 10_000;
        let known = &*tenants;
        let found = self
            .store
            .transact("audit files", |txn| async move {
                let mut found = Vec::new();
                for (id, report) in reports {
                    let place = workspace::place(&txn, report.workspace).await?;
                    let tenant = place.map(|place| place.tenant).or_else(|| known.get(&report.workspace).copied());
                    if let Some(tenant) = tenant {
                        audit::append(&txn, Log::Files(tenant), at, &report.entry(*id));
                        found.push((report.workspace, tenant));
                    }
                }
                Ok::<_, AppError>(found)
            })
            .await?;
        if tenants.len() > TENANTS_MAX {
            tenants.clear();
        }
        tenants.extend(found);
        Ok(())
    }

    /// The log a caller may read: owners that of their tenant, administrators every one.
    async fn readable(&self, caller: &Caller, which: Which, tenant: Option<TenantId>) -> Result<Log, AppError> {
        self.store
            .transact("audit: who asks", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                if which == Which::Installation {
                    authority.require_admin()?;
                    return Ok(Log::Installation);
                }
                let tenant = match (&authority, tenant) {
                    (Authority::Operator, None) => {
                        return Err(AppError::request(
                            "say which tenant with `tenant_id`, or ask for `log=installation`",
                        ));
                    }
                    (Authority::Operator, Some(tenant)) => tenant,
                    (Authority::User(user), Some(tenant)) if user.admin => tenant,
                    (Authority::User(user), tenant) => {
                        let own = authority.tenant_owner()?.tenant;
                        if tenant.is_some_and(|tenant| tenant != user.tenant) {
                            return Err(AppError::not_found("tenant"));
                        }
                        own
                    }
                };
                if !crate::records::user::tenant_exists(&txn, tenant).await? {
                    return Err(AppError::not_found("tenant"));
                }
                Ok(if which == Which::Files { Log::Files(tenant) } else { Log::Actions(tenant) })
            })
            .await
    }

    /// A page of a log, newest first.
    pub(crate) async fn audit_page(
        &self,
        caller: &Caller,
        (which, tenant): (Which, Option<TenantId>),
        filter: &Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage, AppError> {
        let log = self.readable(caller, which, tenant).await?;
        let (head, _) = self.chain_log(log, CATCH_UP_BATCHES).await?;
        let public_key = self.audit_key.public.to_string();
        let Some(head) = head else { return Ok(AuditPage { items: Vec::new(), next: None, head: None, public_key }) };
        let mut before = before.unwrap_or(u64::MAX).min(head.last.seq.saturating_add(1));
        if let Some(to) = filter.to {
            before = before.min(self.first_after(&head, to).await?);
        }
        let (mut items, mut scanned) = (Vec::new(), 0);
        let next = 'scan: loop {
            let links = self
                .store
                .transact("read audit log", |txn| async move { audit::backward(&txn, log, before, READ_PAGE).await })
                .await?;
            if links.is_empty() {
                break None;
            }
            for link in links {
                if filter.from.is_some_and(|from| link.chained_at < from) {
                    // An entry never takes its place before it happened, so nothing older can fit.
                    break 'scan None;
                }
                before = link.seq;
                scanned += 1;
                if filter.fits(&link.entry) {
                    items.push(to_api(&link));
                }
                if items.len() >= limit || scanned >= SCAN_MAX {
                    break 'scan (before > head.cut.seq + 1).then_some(before);
                }
            }
        };
        Ok(AuditPage { items, next, head: Some(head_to_api(&head)), public_key })
    }

    /// The first place whose entry was put there more than [`LATE_MS`] after `to`: nothing from there on happened
    /// before. By halving, because places and times rise together.
    async fn first_after(&self, head: &Head, to: Timestamp) -> Result<u64, AppError> {
        /// Longest time between an entry and its place: reports of hosts wait for their window and for the store.
        const LATE_MS: i64 = 24 * 3_600_000;
        let (log, mut low, mut high) = (head.log, head.cut.seq + 1, head.last.seq + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self
                .store
                .transact("search audit log", |txn| async move { audit::forward(&txn, log, middle, middle, 1).await })
                .await?;
            if found.first().is_some_and(|link| link.chained_at > to.plus_ms(LATE_MS)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    /// Checks a whole log.
    pub(crate) async fn audit_verification(
        &self,
        caller: &Caller,
        which: Which,
        tenant: Option<TenantId>,
    ) -> Result<AuditVerification, AppError> {
        let log = self.readable(caller, which, tenant).await?;
        let Ok(_one) = self.verifying.try_lock() else {
            return Err(AppError::new(
                ErrorKind::RateLimited,
                "another verification is under way; try again in a moment",
            )
            .with("retry_after_s", 2));
        };
        if let Err(error) = self.chain_log(log, CATCH_UP_BATCHES).await {
            tracing::error!(%log, cause = error.cause, "an audit log cannot be written");
        }
        let now = self.clock.now();
        // What the head names and what lies behind it, at one moment.
        let (head, beyond) = self
            .store
            .transact("verify audit log: head", |txn| async move {
                let head = audit::head(&txn, log).await?;
                let next = head.as_ref().map_or(0, |head| head.last.seq.saturating_add(1));
                Ok::<_, AppError>((head, audit::forward(&txn, log, next, u64::MAX - 1, 1).await?))
            })
            .await?;
        // A log without a head has no entries; where it has, they show as lying behind its end.
        let head = head.unwrap_or_else(|| Head::sign(log, START, START, now, &self.audit_key.seed));
        let end = head.last.seq;
        let mut verifier = Verifier::new(head, &self.audit_key.public);
        let mut from = 0;
        loop {
            let links = self
                .store
                .transact(
                    "verify audit log",
                    |txn| async move { audit::forward(&txn, log, from, end, READ_PAGE).await },
                )
                .await?;
            for link in &links {
                verifier.take(link);
                from = link.seq.saturating_add(1);
            }
            if links.len() < READ_PAGE {
                break;
            }
            tokio::task::yield_now().await;
        }
        beyond.iter().for_each(|link| verifier.take(link));
        let verdict = verifier.finish();
        if verdict.problem_count > 0 {
            tracing::error!(%log, problems = verdict.problem_count, "the audit log does not verify");
        }
        Ok(AuditVerification {
            intact: verdict.problem_count == 0,
            at: now.0,
            checked: verdict.checked,
            last_seq: verdict.last.seq,
            problems: verdict.problems.iter().map(ToString::to_string).collect(),
            problem_count: verdict.problem_count,
        })
    }

    /// The head a whole log is exported with; that it is exported is an entry of it.
    pub(crate) async fn export_head(
        &self,
        caller: &Caller,
        which: Which,
        tenant: Option<TenantId>,
    ) -> Result<Head, AppError> {
        let log = self.readable(caller, which, tenant).await?;
        let stamp = self.stamp(caller);
        let entry = &stamp.entry(Action::LogExported);
        self.store
            .transact("audit: export", |txn| async move {
                audit::append(&txn, log, stamp.at, entry);
                Ok::<_, AppError>(())
            })
            .await?;
        let (head, _) = self.chain_log(log, CATCH_UP_BATCHES).await?;
        head.ok_or_else(|| AppError::internal("an entry was written, and there is no head"))
    }

    /// The next entries of an export.
    pub(crate) async fn export_page(&self, log: Log, from: u64, to: u64) -> Result<Vec<Link>, AppError> {
        self.store
            .transact("export audit log", |txn| async move { audit::forward(&txn, log, from, to, READ_PAGE).await })
            .await
    }
}

fn to_api(link: &Link) -> AuditEntry {
    let entry = &link.entry;
    AuditEntry {
        seq: link.seq,
        at: entry.at.0,
        action: entry.action.to_string(),
        actor: entry.actor.to_string(),
        login: entry.login.map(|login| login.to_string()),
        address: entry.address.clone(),
        workspace: entry.workspace.map(|workspace| workspace.to_string()),
        subject: entry.subject.clone(),
        details: entry.details.clone(),
        names: entry.names.clone(),
        hash: link.hash.to_string(),
    }
}

fn head_to_api(head: &Head) -> AuditHead {
    AuditHead {
        log: head.log.to_string(),
        first_seq: head.cut.seq + 1,
        last_seq: head.last.seq,
        last_hash: head.last.hash.to_string(),
        at: head.at.0,
        signature: head.signature.to_string(),
    }
}
