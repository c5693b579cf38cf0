//! `coditect serve`: configuration -> parts -> listeners -> run -> drain, one message per phase.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use coditect_control::{Control, ControlConfig};
use coditect_host::{Host, HostConfig, NetworkReport};
use coditect_model::ambient::{Clock, Entropy, random_bytes};
use coditect_model::id::HostId;
use coditect_router::{RouterConfig, RouterParts};
use coditect_sandbox::probe::Capabilities;
use coditect_store::{OpenError, SqliteOptions, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::adapters::{ControlAuthority, LocalHosts};
use crate::ambient::{SystemClock, SystemEntropy};
use crate::assets::WebApp;
use crate::cli::Serve;
use crate::client::OPERATOR_TOKEN_FILE;
use crate::config::{Config, Registration};
use crate::output::{self, Failure};

mod listeners;

/// How long a store that another process has open is tried again.
const STORE_LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Runs until told to stop.
pub(crate) fn run(config: Config, options: &Serve) -> Result<ExitCode, Failure> {
    crate::telemetry::start(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads")?;
    let deadline = Duration::from_secs(config.shutdown_deadline_s);
    let outcome = runtime.block_on(serve(config, options.stop_all));
    // Watchers of sandboxes that go on running are dropped here; nothing waits for them.
    runtime.shutdown_timeout(deadline.min(Duration::from_secs(1)));
    Ok(outcome?)
}

async fn serve(config: Config, stop_all: bool) -> Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    make_private(&config.data_dir)?;

    let capabilities = coditect_sandbox::probe::probe(&config.data_dir, &config.base);
    tell(&capabilities)?;

    let store_dir = config.data_dir.join("store");
    make_private(&store_dir)?;
    let store = open_store(&store_dir.join("coditect.sqlite"), &clock).await?;

    let host_dir = config.data_dir.join("host");
    make_private(&host_dir)?;
    let host_id = host_id(&host_dir, entropy.as_ref())?;
    let instance = format!("coditect-{}", &host_id.label()[..8]);
    for warning in coditect_sandbox::control::prepare() {
        warn!("{warning}");
    }
    for check in crate::command::doctor::at_start(&config) {
        warn!(check = check.name, found = check.found, "`coditect doctor` says what this means and what mends it");
    }
    let host = Host::open(HostConfig {
        state_dir: host_dir,
        run_dir: config.run_dir.clone(),
        base: config.base.clone(),
        agent_binary: config.agent_binary.clone(),
        instance,
        network: config.network.clone(),
        hide: vec![config.data_dir.clone(), config.run_dir.clone()],
        warm: config.warm,
        storage: config.storage.clone(),
    })?;
    let storage = host.storage_report();
    info!(kind = storage.kind.name(), reserve_mib = storage.reserve_bytes >> 20, "volumes are ready");
    for warning in storage.warnings {
        warn!("{warning}");
    }
    tell_of_network(host.network().report());
    let adopted = host.adopt().await.context("the run directory cannot be read")?;
    if stop_all {
        let code = end_everything(&host).await;
        host.close().await;
        store.close().await;
        return code;
    }
    host.keep_warm();

    let operator_token = OperatorToken::create(&config.data_dir, entropy.as_ref())?;
    let hosts = Arc::new(LocalHosts::new(host.clone(), host_id));
    let control = Control::open(
        control_config(&config, &operator_token),
        store.clone(),
        hosts.clone(),
        clock.clone(),
        entropy.clone(),
    )
    .await
    .map_err(|error| anyhow!("{error}"))?;

    let shutdown = CancellationToken::new();
    let tasks = TaskTracker::new();
    for (name, task) in control.tasks(shutdown.clone()) {
        tasks.spawn(tracing::Instrument::instrument(task, tracing::info_span!("task", name)));
    }
    let listeners = listeners::bind(&config.listen).await?;
    let parts = RouterParts {
        config: router_config(&config)?,
        control: control.router(),
        assets: Arc::new(WebApp),
        authority: Arc::new(ControlAuthority::new(control.clone())),
        hosts,
        clock,
        entropy,
    };
    let mut router = tokio::spawn(coditect_router::serve(parts, listeners, shutdown.clone()));
    announce(&config, &control, adopted.len()).await;

    let ended_early = tokio::select! {
        signal = stop_signal() => { info!(signal = signal?, "stopping"); false }
        outcome = &mut router => { warn!(?outcome, "the router ended by itself"); true }
    };
    // While the one who writes them down is still there.
    host.end_file_reports().await;
    shutdown.cancel();
    let drain = async {
        if !ended_early {
            let _ = (&mut router).await;
        }
        tasks.close();
        tasks.wait().await;
        host.close().await;
        store.close().await;
    };
    tokio::select! {
        () = drain => info!("stopped; running workspaces go on and are adopted at the next start"),
        () = tokio::time::sleep(Duration::from_secs(config.shutdown_deadline_s)) => warn!("the shutdown deadline has passed"),
        signal = stop_signal() => warn!(signal = signal?, "told twice: leaving at once"),
    }
    drop(operator_token);
    Ok(if ended_early { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Opens the store. A server that was killed a moment ago may still be on its way out: its lock is waited for a little.
async fn open_store(path: &Path, clock: &Arc<dyn Clock>) -> Result<Store> {
    let patience = tokio::time::Instant::now() + STORE_LOCK_PATIENCE;
    loop {
        match Store::open_sqlite(path, SqliteOptions::default(), clock.clone()) {
            Err(OpenError::InUse { .. }) if tokio::time::Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            outcome => return outcome.map_err(|error| anyhow!("{error}")),
        }
    }
}

/// Says what this machine enforces, or why it cannot run strangers' code at all.
fn tell(capabilities: &Capabilities) -> Result<()> {
    if let Some(reason) = &capabilities.fatal {
        bail!("this machine cannot isolate workspaces, so none are run: {reason}");
    }
    let enforced: Vec<&str> = capabilities.enforced.iter().map(|feature| feature.title()).collect();
    info!(mode = ?capabilities.mode, enforced = enforced.join(", "), "workspaces are kept apart");
    for (feature, reason) in &capabilities.not_enforced {
        warn!(feature = feature.title(), %reason, "NOT enforced on this machine");
    }
    Ok(())
}

/// Says how workspaces reach the network.
fn tell_of_network(report: &NetworkReport) {
    let range = report.range.map(|range| range.to_string()).unwrap_or_default();
    info!(mode = ?report.mode, range, enforced = report.enforced.join("; "), "the network of workspaces");
    for warning in &report.warnings {
        warn!("{warning}");
    }
}

async fn end_everything(host: &Host) -> Result<ExitCode> {
    let mut failed = false;
    let mut ended = 0;
    for (workspace, outcome) in host.stop_all().await {
        match outcome {
            Ok(()) => ended += 1,
            Err(error) => {
                failed = true;
                warn!(%workspace, %error, "could not be stopped");
            }
        }
    }
    output::line(format_args!("Stopped {ended} workspace{}. Their volumes stay.", if ended == 1 { "" } else { "s" }));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn announce(config: &Config, control: &Control, adopted: usize) {
    output::line("");
    output::line(format_args!("  Coditect is ready at {}", config.public_url));
    if let Some(link) = control.setup_link().await {
        output::line("");
        output::line("  No administrator yet. Whoever opens this link first becomes one (it works once):");
        output::line(format_args!("  {link}"));
    }
    if adopted > 0 {
        output::line("");
        let s = if adopted == 1 { "" } else { "s" };
        output::line(format_args!(
            "  {adopted} workspace{s} kept running and {} back.",
            if adopted == 1 { "is" } else { "are" }
        ));
    }
    output::line("");
}

fn control_config(config: &Config, operator_token: &OperatorToken) -> ControlConfig {
    let mut control = ControlConfig::new(&config.public_url.to_string(), &config.workspace_domain);
    control.alias_origins =
        listeners::aliases(config).iter().map(|alias| format!("{}://{alias}", config.public_url.scheme())).collect();
    control.tiers = config.tiers.clone();
    control.registration = match config.registration {
        Registration::Open => coditect_control::Registration::Open,
        Registration::Invitation => coditect_control::Registration::InvitationOnly,
    };
    control.secure_cookies = config.secure_cookies();
    control.access_ttl_s = i64::try_from(config.access_token_ttl_s).unwrap_or(i64::MAX);
    control.refresh_ttl_s = i64::try_from(config.login_ttl_s).unwrap_or(i64::MAX);
    control.trusted_proxies.clone_from(&config.trusted_proxies);
    control.operator_token = Some(operator_token.secret.clone());
    control
}

fn router_config(config: &Config) -> Result<RouterConfig> {
    let aliases = listeners::aliases(config);
    let public_url = config.public_url.to_string();
    let mut router = RouterConfig::new(&public_url, &aliases, &config.workspace_domain, config.secure_cookies())?;
    // Answers under way get half of the deadline; the store and the tasks want some of it too.
    router.limits.drain_timeout = Duration::from_secs(config.shutdown_deadline_s) / 2;
    Ok(router)
}

async fn stop_signal() -> Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    })
}

/// Makes a directory that only this user may enter.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    coditect_host::make_private_dir(path)
        .with_context(|| format!("the directory {} cannot be made private", path.display()))
}

/// This host's name in records and cgroups, made at the first start.
fn host_id(host_dir: &Path, entropy: &dyn Entropy) -> Result<HostId> {
    let path = host_dir.join("id");
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().with_context(|| path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = HostId::random(entropy);
            let temporary = host_dir.join("id.new");
            std::fs::write(&temporary, format!("{id}\n"))?;
            std::fs::rename(&temporary, &path)?;
            Ok(id)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// The operator's credential of this run: a file that only this user can read, gone when the server stops.
struct OperatorToken {
    secret: String,
    path: std::path::PathBuf,
}

impl OperatorToken {
    fn create(data_dir: &Path, entropy: &dyn Entropy) -> Result<Self> {
        use base64::Engine as _;
        let bits: [u8; 32] = random_bytes(entropy);
        let secret = format!("cdop_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bits));
        let path = data_dir.join(OPERATOR_TOKEN_FILE);
        let _ = std::fs::remove_file(&path);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        writeln!(file, "{secret}")?;
        Ok(Self { secret, path })
    }
}

impl Drop for OperatorToken {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
