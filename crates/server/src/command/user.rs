//! `coditect user`: accounts, by the operator.

use std::io::Read as _;
use std::process::ExitCode;

use coditect_api::user::{CreateUser, ResetPassword, UpdateUser, User as Account, UserWithPassword};

use crate::cli::User;
use crate::client::Client;
use crate::config::Config;
use crate::output::{self, Failure};

/// Longest password read from standard input, in bytes, with its line end.
const PASSWORD_READ_MAX_BYTES: u64 = 1024;

pub(crate) async fn run(command: User, config: &Config, json: bool) -> Result<ExitCode, Failure> {
    match command {
        User::Add { email, name, tier, admin, password_stdin, remote } => {
            let client = Client::new(&remote, config)?;
            let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
            let body = CreateUser { email, name, password: password(password_stdin)?, tenant_id: None, tier, admin };
            let made: UserWithPassword = client.post("/api/v5/users", &body).await?;
            show(&made, json, "added")?;
        }
        User::List { remote } => {
            let users: Vec<Account> = Client::new(&remote, config)?.all("/api/v5/users?all=true").await?;
            if json {
                output::json(&users)?;
            } else if users.is_empty() {
                output::line("No accounts yet. `coditect user add EMAIL` makes one.");
            } else {
                output::table(
                    &["ID", "E-MAIL", "NAME", "TIER", "ROLE", "STATE"],
                    users.into_iter().map(|user| {
                        let state = if user.disabled {
                            "disabled"
                        } else if user.admin {
                            "administrator"
                        } else {
                            "active"
                        };
                        vec![user.id, user.email, user.name, user.tier, user.role, state.to_owned()]
                    }),
                );
            }
        }
        User::SetTier { user, tier, remote } => {
            let client = Client::new(&remote, config)?;
            let id = find(&client, &user).await?;
            let body = UpdateUser { tier: Some(tier), ..UpdateUser::default() };
            let changed: Account = client.patch(&format!("/api/v5/users/{id}"), &body).await?;
            if json {
                output::json(&changed)?;
            } else {
                output::line(format_args!("{} has the tier {} now.", changed.email, changed.tier));
            }
        }
        User::ResetPassword { user, password_stdin, remote } => {
            let client = Client::new(&remote, config)?;
            let id = find(&client, &user).await?;
            let body = ResetPassword { password: password(password_stdin)? };
            let reset: UserWithPassword = client.post(&format!("/api/v5/users/{id}/password"), &body).await?;
            show(&reset, json, "has a new password; every login was ended")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn password(from_stdin: bool) -> Result<Option<String>, Failure> {
    if !from_stdin {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin().take(PASSWORD_READ_MAX_BYTES).read_to_string(&mut text)?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

async fn find(client: &Client, user: &str) -> Result<String, Failure> {
    if user.starts_with("usr_") {
        return Ok(user.to_owned());
    }
    let users: Vec<Account> = client.all("/api/v5/users?all=true").await?;
    let wanted = user.to_lowercase();
    let found = users.into_iter().find(|account| account.email == wanted);
    found.map(|account| account.id).ok_or_else(|| {
        Failure::Answer(Box::new(coditect_api::error::ErrorDetail {
            kind: coditect_api::error::ErrorKind::NotFound,
            message: format!("no account has the e-mail address {user}"),
            request_id: String::new(),
            details: serde_json::Map::new(),
        }))
    })
}

fn show(made: &UserWithPassword, json: bool, what: &str) -> Result<(), Failure> {
    if json {
        return output::json(made);
    }
    output::line(format_args!("{} ({}) {what}.", made.user.email, made.user.id));
    if let Some(password) = &made.password {
        output::line(format_args!("Password, shown this once: {password}"));
    }
    Ok(())
}
