//! How an installation gets its first administrator.

use coditect_model::audit::Action;
use coditect_model::tier::DEFAULT_TIER;

use super::auth::require_setup;
use super::authority::Authority;
use crate::caller::Me;
use crate::control::Control;
use crate::error::AppError;
use crate::records::user::UserRecord;
use crate::records::{setup, user};
use crate::secret;

impl Control {
    /// A new one-time link that makes its opener the administrator; none once there is one. The link made before
    /// stops working.
    pub async fn setup_link(&self) -> Option<String> {
        let token = secret::token(&*self.entropy, "cds_");
        let (now, text) = (self.clock.now(), &token);
        let outcome = self
            .store
            .transact("set-up link", |txn| async move {
                let wanted = user::administrators(&txn).await?.is_empty();
                if wanted {
                    setup::put(&txn, text, now);
                } else {
                    setup::clear(&txn);
                }
                Ok::<_, AppError>(wanted)
            })
            .await;
        match outcome {
            Ok(true) => Some(format!("{}/setup#token={token}", self.config.public_url)),
            Ok(false) => None,
            Err(error) => {
                tracing::error!(cause = error.cause, "no set-up link could be made: the store cannot be written");
                None
            }
        }
    }

    /// A logged-in user redeems the link.
    pub(crate) async fn claim_admin(&self, me: Me, token: &str) -> Result<UserRecord, AppError> {
        let stamp = self.stamp_me(me);
        let record = self
            .store
            .transact("claim administration", |txn| async move {
                let mut record = Authority::me(&txn, me).await?;
                if record.admin {
                    return Ok(record);
                }
                require_setup(&txn, token).await?;
                record.admin = true;
                if record.tier == DEFAULT_TIER {
                    record.tier = self.first_administrator_tier(&txn).await?.to_owned();
                }
                user::put(&txn, &record);
                stamp.write(&txn, me.tenant, &stamp.entry(Action::AdministrationClaimed).to(me.user));
                Ok::<_, AppError>(record)
            })
            .await?;
        tracing::info!(user = %record.id, "administrator by set-up link");
        Ok(record)
    }
}
