//! The life of token-signing keys.

use crate::control::Control;
use crate::error::AppError;
use crate::keyring;
use crate::records::signing_key;

impl Control {
    /// Loads the keys; makes the first one.
    pub(crate) async fn load_signing_keys(&self) -> Result<(), AppError> {
        let fresh = keyring::generate(&*self.entropy, self.clock.now());
        let fresh = &fresh;
        let keys = self
            .store
            .transact("load signing keys", |txn| async move {
                let mut keys = signing_key::list(&txn).await?;
                if !keys.iter().any(|key| key.retired_at.is_none()) {
                    signing_key::put(&txn, fresh);
                    keys.push(fresh.clone());
                }
                Ok::<_, AppError>(keys)
            })
            .await?;
        self.keyring.load(&keys);
        Ok(())
    }

    /// Signs with a new key from now on. The one before verifies for as long as its tokens live; older ones go.
    pub(crate) async fn replace_signing_key(&self) -> Result<(), AppError> {
        let now = self.clock.now();
        let fresh = keyring::generate(&*self.entropy, now);
        let (fresh, life_s) = (&fresh, self.config.token_ttl_max_s());
        let keys = self
            .store
            .transact("rotate signing key", |txn| async move {
                let mut keys = signing_key::list(&txn).await?;
                keys.retain(|key| {
                    let alive = key.retired_at.is_none_or(|retired| retired.plus_s(life_s) > now);
                    if !alive {
                        signing_key::clear(&txn, key.id);
                    }
                    alive && key.id != fresh.id
                });
                for key in &mut keys {
                    if key.retired_at.is_none() {
                        key.retired_at = Some(now);
                        signing_key::put(&txn, key);
                    }
                }
                signing_key::put(&txn, fresh);
                keys.push(fresh.clone());
                Ok::<_, AppError>(keys)
            })
            .await?;
        self.keyring.load(&keys);
        tracing::info!(key = %fresh.id, kept = keys.len() - 1, "signing key replaced");
        Ok(())
    }

    /// Replaces the key when it is old enough.
    pub(crate) async fn replace_old_signing_key(&self) -> Result<(), AppError> {
        let max_age_ms = self.config.signing_key_max_age_s.saturating_mul(1000);
        match self.keyring.newest() {
            Some(created_at) if self.clock.now().since_ms(created_at) < max_age_ms => Ok(()),
            _ => self.replace_signing_key().await,
        }
    }
}
