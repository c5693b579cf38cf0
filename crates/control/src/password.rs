//! Argon2id, off the async threads and only so many at once.
//!
//! **Invariants**: a check against an account that does not exist costs what a wrong password costs; whoever waits for
//! a hash waits in a bounded queue.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use coditect_api::auth::{PASSWORD_MAX_BYTES, PASSWORD_MIN_CHARS};
use coditect_model::ambient::{Entropy, random_bytes};
use tokio::sync::Semaphore;

use crate::config::PasswordCost;
use crate::error::AppError;

/// Hashes that may wait or run at once; more is refused as unavailable.
const QUEUE_MAX: usize = 128;

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    params: Params,
    running: Arc<Semaphore>,
    queue: Semaphore,
    /// The hash of nothing anybody knows, for accounts that do not exist.
    dummy: String,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost, entropy: &dyn Entropy) -> Result<Self, String> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|error| error.to_string())?;
        let salt = random_bytes::<16>(entropy);
        let dummy = hash_now(&params, &random_bytes::<32>(entropy), &salt)?;
        Ok(Self {
            params,
            running: Arc::new(Semaphore::new(cost.concurrency)),
            queue: Semaphore::new(QUEUE_MAX),
            dummy,
        })
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: &str, entropy: &dyn Entropy) -> Result<String, AppError> {
        let salt = random_bytes::<16>(entropy);
        let params = self.params.clone();
        let password = zeroize::Zeroizing::new(password.to_owned());
        self.run(move || hash_now(&params, password.as_bytes(), &salt)).await?.map_err(AppError::internal)
    }

    /// Whether the password is the one with this PHC string; `None` (no such account) is false after the same work.
    pub(crate) async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, AppError> {
        let exists = stored.is_some();
        let phc = stored.unwrap_or(&self.dummy).to_owned();
        let password = zeroize::Zeroizing::new(password.to_owned());
        let same =
            self.run(move || Argon2::default().verify_password(password.as_bytes(), phc.as_str()).is_ok()).await?;
        Ok(same && exists)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
        let _place = self.queue.try_acquire().map_err(|_| {
            AppError::unavailable("too many people are logging in at this moment; try again in a few seconds")
        })?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(AppError::internal)?;
        // The permit moves into the thread: a client that hangs up must not let a further hash start beside it.
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(running);
            result
        });
        task.await.map_err(AppError::internal)
    }
}

fn hash_now(params: &Params, password: &[u8], salt: &[u8]) -> Result<String, String> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_with_salt(password, salt)
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// Refuses a password that is too short, too long, or known to everybody.
pub(crate) fn check_new(field: &'static str, password: &str, email: &str) -> Result<(), AppError> {
    if password.len() > PASSWORD_MAX_BYTES {
        return Err(AppError::value(field, format!("the password must be at most {PASSWORD_MAX_BYTES} bytes long")));
    }
    if password.chars().count() < PASSWORD_MIN_CHARS {
        return Err(AppError::value(
            field,
            format!("the password must be at least {PASSWORD_MIN_CHARS} characters long"),
        ));
    }
    let lower = password.to_lowercase();
    let mut chars: Vec<char> = lower.chars().collect();
    chars.sort_unstable();
    chars.dedup();
    let guessable = chars.len() < 3
        || lower == email
        || ["password12", "password123", "passwordpassword", "1234567890", "12345678910", "qwertyuiop", "0123456789"]
            .contains(&lower.as_str());
    if guessable {
        return Err(AppError::value(field, "this password is among the first that would be guessed; choose another"));
    }
    Ok(())
}
