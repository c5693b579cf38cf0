//! The machine-wide settings that all workspaces share.

use coditect_sandbox::settings::{SETTINGS, Setting, drop_in};

use super::Check;

/// One check for each, and the text of a drop-in file for those that are (or were) too low. `fix` raises them now.
pub(super) fn checks(fix: bool) -> (Vec<Check>, Option<String>) {
    let mut checks = Vec::new();
    let mut low = Vec::new();
    for setting in SETTINGS {
        let (check, was_low) = check(&setting, fix);
        checks.extend(check);
        if was_low {
            low.push(setting);
        }
    }
    (checks, (!low.is_empty()).then(|| drop_in(&low)))
}

fn check(setting: &Setting, fix: bool) -> (Option<Check>, bool) {
    let Setting { name, least, why, .. } = *setting;
    let now = match setting.now() {
        // It comes with a module that nothing has needed yet.
        Ok(None) => return (None, false),
        Ok(Some(now)) if now >= least => return (Some(Check::ok("limits", name, now.to_string())), false),
        Ok(Some(now)) => now,
        Err(error) => return (Some(Check::warning("limits", name, format!("cannot be read: {error}"))), false),
    };
    let found = format!("{now}, should be {least} or more");
    let command = format!("sysctl -w {name}={least}");
    let low = Check::warning("limits", name, found).means(why).mend(command);
    if !fix {
        return (Some(low), true);
    }
    let check = match setting.raise() {
        Ok(_) => Check { level: super::Level::Mended, ..Check::ok("limits", name, format!("{now}, is {least} now")) },
        Err(error) => Check { found: format!("{now}, cannot be raised to {least}: {error}"), ..low },
    };
    (Some(check), true)
}
