//! Tiers: the configuration's table, and what administrators set over it while the server runs.
//!
//! **Invariants**: limits are read in the transaction that uses them, so a change counts at once and everywhere; nobody
//! has a tier that was removed, because a tier is first closed to newcomers and then looked for.

use coditect_api::error::ErrorKind;
use coditect_api::tier::{SetTier, Tier, TierSource};
use coditect_model::audit::Action;
use coditect_model::id::UserId;
use coditect_model::tier::{DEFAULT_TIER, FIRST_ADMINISTRATOR_TIER, Limits, name_problem};
use coditect_store::Txn;

use super::PAGE_MAX;
use super::authority::Authority;
use crate::caller::Caller;
use crate::config::ControlConfig;
use crate::control::Control;
use crate::error::AppError;
use crate::records::tier::{self, TIERS_MAX, TierRecord};
use crate::records::user;

impl Control {
    /// Every tier, by name. For everybody: people see what they could have.
    pub(crate) async fn tiers(&self, caller: &Caller) -> Result<Vec<Tier>, AppError> {
        self.store
            .transact("list tiers", |txn| async move {
                Authority::read(&txn, caller).await?;
                let shown =
                    |name: &str, limits: &Limits, source| Tier { name: name.to_owned(), limits: limits.into(), source };
                let table = self.config.tiers.iter();
                let mut tiers: Vec<Tier> =
                    table.map(|(name, limits)| shown(name, limits, TierSource::Configuration)).collect();
                for record in tier::all(&txn).await? {
                    match tiers.iter_mut().find(|tier| tier.name == record.name) {
                        Some(tier) => *tier = shown(&record.name, &record.limits, TierSource::Changed),
                        None => tiers.push(shown(&record.name, &record.limits, TierSource::Added)),
                    }
                }
                tiers.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(tiers)
            })
            .await
    }

    /// Sets a tier's quotas, or adds a tier. Running workspaces of its users get them without a restart.
    pub(crate) async fn set_tier(&self, caller: &Caller, name: &str, set: SetTier) -> Result<Tier, AppError> {
        if let Some(problem) = name_problem(name) {
            return Err(AppError::value("name", problem));
        }
        let limits = Limits::from(set);
        if let Some((field, problem)) = limits.problems().next() {
            return Err(AppError::value(field, format!("{field} {problem}")));
        }
        let record = &TierRecord { name: name.to_owned(), limits, retiring: false, changed_at: self.clock.now() };
        let stamp = self.stamp(caller);
        self.store
            .transact("set tier", |txn| async move {
                Authority::read(&txn, caller).await?.require_admin()?;
                if tier::get(&txn, name).await?.is_none() && tier::all(&txn).await?.len() >= TIERS_MAX {
                    return Err(AppError::new(
                        ErrorKind::LimitExceeded,
                        format!("an installation may have {TIERS_MAX} tiers; remove one first"),
                    ));
                }
                tier::put(&txn, record);
                let mut entry = stamp.entry(Action::TierChanged).to(name);
                let limits = serde_json::to_value(&record.limits).unwrap_or_default();
                for (limit, value) in limits.as_object().into_iter().flatten() {
                    entry = entry.with(limit, value);
                }
                stamp.write_installation(&txn, &entry);
                Ok(())
            })
            .await?;
        tracing::info!(by = caller.name(), tier = name, "tier set");
        self.limits_changed().await;
        let source = self.config.tiers.get(name).map_or(TierSource::Added, |_| TierSource::Changed);
        Ok(Tier { name: name.to_owned(), limits: (&record.limits).into(), source })
    }

    /// Takes back what was set: the configuration's values count again, and a tier it does not have is gone. That one
    /// must not be anybody's.
    pub(crate) async fn remove_tier(&self, caller: &Caller, name: &str) -> Result<(), AppError> {
        let stamp = self.stamp(caller);
        let configured = self.config.tiers.get(name).is_some();
        let closed = self
            .store
            .transact("remove tier: close", |txn| async move {
                Authority::read(&txn, caller).await?.require_admin()?;
                match tier::get(&txn, name).await? {
                    None if configured => Err(AppError::conflict(
                        "this tier is in the configuration and was never changed; remove it there",
                    )),
                    None => Err(AppError::not_found("tier")),
                    Some(_) if configured => {
                        tier::clear(&txn, name);
                        let entry =
                            stamp.entry(Action::TierChanged).to(name).with("removed", "back to the configuration");
                        stamp.write_installation(&txn, &entry);
                        Ok(None)
                    }
                    Some(record) => {
                        tier::put(&txn, &TierRecord { retiring: true, ..record.clone() });
                        Ok(Some(record))
                    }
                }
            })
            .await?;
        if let Some(record) = closed {
            // Whoever got it before it was closed is found; after that nobody gets it.
            let users = self.users_of_tier(name).await?;
            let record = &TierRecord { retiring: false, ..record };
            self.store
                .transact("remove tier: decide", |txn| async move {
                    match tier::get(&txn, name).await? {
                        // Set anew meanwhile: then it stays.
                        Some(present) if !present.retiring => {}
                        Some(_) if users > 0 => tier::put(&txn, record),
                        Some(_) | None => {
                            tier::clear(&txn, name);
                            stamp.write_installation(
                                &txn,
                                &stamp.entry(Action::TierChanged).to(name).with("removed", "for good"),
                            );
                        }
                    }
                    Ok::<_, AppError>(())
                })
                .await?;
            if users > 0 {
                let s = if users == 1 { "user has" } else { "users have" };
                return Err(AppError::conflict(format!("{users} {s} this tier; give them another one first"))
                    .with("users", users));
            }
        }
        tracing::info!(by = caller.name(), tier = name, "tier removed");
        self.limits_changed().await;
        Ok(())
    }

    /// How many users have a tier.
    async fn users_of_tier(&self, name: &str) -> Result<usize, AppError> {
        let (mut count, mut after) = (0, None::<UserId>);
        loop {
            let page = self
                .store
                .transact("users of a tier", |txn| async move { user::page(&txn, None, after, PAGE_MAX).await })
                .await?;
            count += page.iter().filter(|user| user.tier == name).count();
            match page.last() {
                Some(last) if page.len() == PAGE_MAX => after = Some(last.id),
                _ => return Ok(count),
            }
        }
    }

    /// Has every running workspace looked at: its limits may have changed. Those that are not reached now are at the
    /// reconciler's next round, which compares what is wanted with what was applied.
    pub(crate) async fn limits_changed(&self) {
        for sandbox in self.hosts.list().await {
            self.nudge(sandbox.workspace);
        }
    }

    /// The tier of whoever sets the installation up: at home on the machine, not its guest.
    pub(crate) async fn first_administrator_tier(&self, txn: &Txn) -> Result<&'static str, AppError> {
        Ok(if find(txn, &self.config, FIRST_ADMINISTRATOR_TIER).await?.is_some_and(|tier| !tier.retiring) {
            FIRST_ADMINISTRATOR_TIER
        } else {
            DEFAULT_TIER
        })
    }
}

/// Refuses a tier that nobody can be given, in the transaction that would give it.
pub(crate) async fn require(txn: &Txn, config: &ControlConfig, name: &str) -> Result<(), AppError> {
    if find(txn, config, name).await?.is_some_and(|tier| !tier.retiring) {
        return Ok(());
    }
    let mut known: Vec<String> = config.tiers.iter().map(|(name, _)| name.to_owned()).collect();
    let set = tier::all(txn).await?.into_iter().filter(|tier| !tier.retiring).map(|tier| tier.name);
    known.extend(set.filter(|name| config.tiers.get(name).is_none()));
    Err(AppError::value("tier", format!("there is no such tier; there are: {}", known.join(", "))))
}

/// The limits of a tier. An operator who takes a tier out of the configuration leaves its users with the default one.
pub(crate) async fn limits_of(txn: &Txn, config: &ControlConfig, name: &str) -> Result<Limits, AppError> {
    for name in [name, DEFAULT_TIER] {
        if let Some(found) = find(txn, config, name).await? {
            return Ok(found.limits);
        }
    }
    Err(AppError::internal("the configuration was checked to have the default tier, and has it not"))
}

struct Found {
    limits: Limits,
    retiring: bool,
}

async fn find(txn: &Txn, config: &ControlConfig, name: &str) -> Result<Option<Found>, AppError> {
    if let Some(set) = tier::get(txn, name).await? {
        return Ok(Some(Found { limits: set.limits, retiring: set.retiring }));
    }
    Ok(config.tiers.get(name).map(|limits| Found { limits: limits.clone(), retiring: false }))
}
