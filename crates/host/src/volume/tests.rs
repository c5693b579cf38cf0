//! Volumes of every kind that this machine has, on real disks made for the test.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use coditect_model::tier::{Limits, TierTable};
use coditect_sandbox::storage::{ext4, loop_device, mounts};

use super::*;

const MIB: u64 = 1 << 20;
const LABEL: &str = "label";

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn limits(mib: u64) -> Limits {
    Limits { storage_bytes: mib * MIB, inodes: 2000, ..TierTable::default().get("free").unwrap().clone() }
}

/// A host's directory, on a disk of its own where the test wants one.
struct Disk {
    dir: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    fn plain() -> Self {
        Self { dir: tempfile::Builder::new().prefix("coditect-volume-test-").tempdir().unwrap(), mounted: false }
    }

    /// A disk of this size, made by `mkfs` with these arguments.
    fn made_by(mkfs: &str, arguments: &[&str], kind: &str, mib: u64) -> Self {
        let mut disk = Self::plain();
        disk.mounted = true;
        let (image, point) = (disk.dir.path().join("disk"), disk.dir.path().join("mounted"));
        File::create(&image).unwrap().set_len(mib * MIB).unwrap();
        std::fs::create_dir(&point).unwrap();
        run(mkfs, &[arguments, &[image.to_str().unwrap()]].concat());
        run("mount", &["-t", kind, "-o", "loop", image.to_str().unwrap(), point.to_str().unwrap()]);
        disk
    }

    fn of_btrfs() -> Self {
        Self::made_by("mkfs.btrfs", &["-q"], "btrfs", 512)
    }

    fn of_xfs() -> Self {
        Self::made_by("mkfs.xfs", &["-q", "-m", "reflink=1"], "xfs", 512)
    }

    fn state_dir(&self) -> PathBuf {
        let base = if self.mounted { self.dir.path().join("mounted") } else { self.dir.path().to_owned() };
        base.join("host")
    }

    fn open(&self, kind: StorageKind) -> Volumes {
        let config = StorageConfig { kind: Some(kind), reserve_bytes: Some(0), pool_bytes: Some(300 * MIB) };
        std::fs::create_dir_all(self.state_dir()).unwrap();
        Volumes::open(&self.state_dir(), &config).unwrap()
    }

    /// Nothing may be mounted or attached any more.
    fn assert_clean(&self, volumes: &Volumes) {
        volumes.close();
        let left = mounts::mounted_below(&self.state_dir()).unwrap();
        assert_eq!(left, Vec::new());
        for image in images_below(&self.state_dir()) {
            eventually(&format!("{} is let go", image.display()), || !loop_device::in_use(&image).unwrap());
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for mounted in mounts::mounted_below(self.dir.path()).unwrap() {
            // A failed test must not leave its disk behind either.
            let _ = Command::new("umount").arg(&mounted.point).status();
        }
    }
}

fn images_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(images_below(&path));
        } else if path.extension().is_some_and(|end| end == "img" || end == "xfs") {
            found.push(path);
        }
    }
    found
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed().as_secs() < 30, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Writes until the kernel refuses; how much it took and its refusal.
fn fill(path: &Path) -> (u64, io::Error) {
    let mut file = match File::options().create(true).append(true).open(path) {
        Ok(file) => file,
        Err(refusal) => return (0, refusal),
    };
    let block = vec![7; 1 << 20];
    let mut written = 0;
    loop {
        match file.write(&block).and_then(|count| file.sync_data().map(|()| count)) {
            Ok(count) => written += count as u64,
            Err(error) => return (written, error),
        }
        assert!(written < 400 * MIB, "nothing bounds {}", path.display());
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What holds for every kind: a volume is made once, keeps what is in it, is bounded, and goes without a trace.
fn lives_a_volumes_life(disk: &Disk, kind: StorageKind) {
    let volumes = disk.open(kind);
    let path = volumes.ready(LABEL, &limits(40)).unwrap();
    assert_eq!(volumes.ready(LABEL, &limits(40)).unwrap(), path);
    std::fs::write(path.join("kept"), "kept").unwrap();
    volumes.settle(LABEL).unwrap();
    assert_eq!(Record::load(&volumes.root, LABEL).unwrap().unwrap().kind, kind);
    if kind.bounds_bytes() {
        let (written, refusal) = fill(&path.join("filler"));
        assert!(is_full(&refusal), "{kind:?}: {refusal}");
        assert!((20 * MIB..=41 * MIB).contains(&written), "{kind:?} took {written}");
        let used = volumes.used_bytes(LABEL).unwrap();
        assert!((20 * MIB..=41 * MIB).contains(&used), "{kind:?} says {used}");
        std::fs::remove_file(path.join("filler")).unwrap();
    }
    if kind.bounds_inodes() {
        let refusal = (0..5000).find_map(|number| File::create(path.join(format!("n{number}"))).err()).unwrap();
        assert!(is_full(&refusal), "{kind:?}: {refusal}");
    }
    volumes.release(LABEL).unwrap();
    volumes.release(LABEL).unwrap();

    // Another process finds it again, as what it is, whatever new volumes are.
    let volumes = {
        drop(volumes);
        disk.open(StorageKind::Directory)
    };
    volumes.adopt(&BTreeSet::new()).unwrap();
    let path = volumes.ready(LABEL, &limits(40)).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("kept")).unwrap(), "kept");
    assert_eq!(volumes.record(LABEL).unwrap().unwrap().kind, kind);

    // And one that dies leaves it to the next, which takes it over.
    let volumes = {
        drop(volumes);
        disk.open(kind)
    };
    volumes.adopt(&BTreeSet::from([LABEL.to_owned()])).unwrap();
    assert_eq!(volumes.ready(LABEL, &limits(40)).unwrap(), path);
    assert_eq!(std::fs::read_to_string(path.join("kept")).unwrap(), "kept");
    volumes.remove(LABEL).unwrap();
    volumes.remove(LABEL).unwrap();
    volumes.free(LABEL).unwrap();
    volumes.sweep().unwrap();
    assert!(volumes.record(LABEL).unwrap().is_none());
    let visible: Vec<_> = volumes.image_dirs().into_iter().flat_map(|dir| names_with(dir, "").unwrap()).collect();
    assert!(visible.iter().all(|name| name.starts_with(".template-")), "{visible:?}");
    disk.assert_clean(&volumes);
}

#[test]
fn a_volume_of_the_pool_lives_and_goes() {
    lives_a_volumes_life(&Disk::plain(), StorageKind::Pool);
}

#[test]
fn a_sparse_image_lives_and_goes() {
    lives_a_volumes_life(&Disk::plain(), StorageKind::SparseImage);
}

#[test]
fn an_image_on_a_file_system_that_shares_blocks_lives_and_goes() {
    lives_a_volumes_life(&Disk::of_xfs(), StorageKind::Image);
}

/// A btrfs, if this kernel has simple quotas (Linux 6.7); says which test is not run on one if not.
fn btrfs_with_quotas(test: &str) -> Option<Disk> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    let has = (numbers.next(), numbers.next()) >= (Some(6), Some(7));
    if !has {
        eprintln!("NOT RUN on btrfs: {test}: kernel {} has no simple quotas", release.trim());
    }
    has.then(Disk::of_btrfs)
}

#[test]
fn a_btrfs_subvolume_lives_and_goes() {
    if let Some(disk) = btrfs_with_quotas("a_btrfs_subvolume_lives_and_goes") {
        lives_a_volumes_life(&disk, StorageKind::Subvolume);
    }
}

#[test]
fn a_plain_directory_lives_and_goes() {
    lives_a_volumes_life(&Disk::plain(), StorageKind::Directory);
}

#[test]
fn a_project_lives_and_goes_where_the_kernel_has_project_quotas() {
    let image_with_quota = || -> Option<Disk> {
        let mut disk = Disk::plain();
        disk.mounted = true;
        let (image, point) = (disk.dir.path().join("disk"), disk.dir.path().join("mounted"));
        File::create(&image).unwrap().set_len(512 * MIB).unwrap();
        std::fs::create_dir(&point).unwrap();
        run("mkfs.ext4", &["-q", "-O", "quota,project", "-E", "quotatype=prjquota", image.to_str().unwrap()]);
        let mount = ["-t", "ext4", "-o", "loop,prjquota", image.to_str().unwrap(), point.to_str().unwrap()];
        let mounted = Command::new("mount").args(mount).output().unwrap().status.success();
        (mounted && project::enforced(&point).unwrap_or(false)).then_some(disk)
    };
    match image_with_quota() {
        Some(disk) => lives_a_volumes_life(&disk, StorageKind::Project),
        None => eprintln!(
            "NOT RUN: a_project_lives_and_goes_where_the_kernel_has_project_quotas: this kernel was built without them"
        ),
    }
}

#[test]
fn the_best_kind_of_the_machine_is_chosen() {
    let kind_on = |disk: &Disk| {
        std::fs::create_dir_all(disk.state_dir()).unwrap();
        let config = StorageConfig { kind: None, reserve_bytes: Some(0), pool_bytes: Some(300 * MIB) };
        let volumes = Volumes::open(&disk.state_dir(), &config).unwrap();
        let report = volumes.report();
        disk.assert_clean(&volumes);
        assert!(report.bytes_enforced, "{report:?}");
        report.kind
    };
    if let Some(disk) = btrfs_with_quotas("the_best_kind_of_the_machine_is_chosen") {
        assert_eq!(kind_on(&disk), StorageKind::Subvolume);
    }
    assert_eq!(kind_on(&Disk::of_xfs()), StorageKind::Image);
    assert_eq!(kind_on(&Disk::made_by("mkfs.ext4", &["-q"], "ext4", 512)), StorageKind::Pool);
    // Too small for a pool: said, and the next best is taken.
    let small = Disk::plain();
    std::fs::create_dir_all(small.state_dir()).unwrap();
    let config = StorageConfig { kind: None, reserve_bytes: Some(u64::MAX), pool_bytes: None };
    let volumes = Volumes::open(&small.state_dir(), &config).unwrap();
    assert_eq!(volumes.report().kind, StorageKind::SparseImage);
    assert!(volumes.report().warnings.iter().any(|words| words.contains("pool")), "{:?}", volumes.report());
    // And nothing new is made while space is short.
    let refusal = volumes.ready(LABEL, &limits(40)).unwrap_err();
    assert!(refusal.kind() == io::ErrorKind::StorageFull && refusal.to_string().contains("reserve"), "{refusal}");
}

#[test]
fn what_a_crash_leaves_is_cleared_away_or_finished() {
    let disk = Disk::plain();
    let volumes = disk.open(StorageKind::Pool);
    let path = volumes.ready(LABEL, &limits(32)).unwrap();
    std::fs::write(path.join("kept"), "kept").unwrap();
    // Killed before the record was written, with the volume mounted, half a copy, half a template, half a removal.
    let pool = volumes.pool.point.clone();
    std::fs::write(pool.join(format!("{MAKING}other.img")), "half").unwrap();
    std::fs::write(pool.join(format!("{MAKING}template-1-1")), "half").unwrap();
    std::fs::write(volumes.root.join(format!("{MAKING}third.img")), "half").unwrap();
    std::fs::create_dir_all(volumes.root.join(format!("{MAKING}fourth/below"))).unwrap();
    std::fs::write(pool.join(format!("{REMOVING}fifth.img")), "half").unwrap();
    std::fs::write(volumes.root.join(".new-label.json"), "{\"ki").unwrap();
    std::fs::create_dir(volumes.mounts.join("sixth")).unwrap();
    drop(volumes);

    let volumes = disk.open(StorageKind::Pool);
    volumes.adopt(&BTreeSet::new()).unwrap();
    volumes.sweep().unwrap();
    assert_eq!(mounts::mounted_below(&volumes.mounts).unwrap(), Vec::new());
    assert_eq!(std::fs::read_dir(&volumes.mounts).unwrap().count(), 0);
    for dir in volumes.image_dirs() {
        for prefix in [MAKING, REMOVING] {
            assert_eq!(names_with(dir, prefix).unwrap(), Vec::<String>::new());
        }
    }
    let path = volumes.ready(LABEL, &limits(32)).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("kept")).unwrap(), "kept");
    volumes.settle(LABEL).unwrap();
    volumes.release(LABEL).unwrap();

    // The machine lost its power: nothing is mounted, the pool's log is replayed, half a pool is none.
    volumes.close();
    std::fs::write(disk.state_dir().join("pool.xfs.new"), "half").unwrap();
    let volumes = {
        drop(volumes);
        disk.open(StorageKind::Pool)
    };
    let path = volumes.ready(LABEL, &limits(32)).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("kept")).unwrap(), "kept");
    // Told to delete it, killed after it was out of sight and before its record was gone: told again, it is gone.
    volumes.release(LABEL).unwrap();
    std::fs::rename(pool.join("label.img"), pool.join(format!("{REMOVING}label.img"))).unwrap();
    volumes.remove(LABEL).unwrap();
    assert!(volumes.record(LABEL).unwrap().is_none());
    volumes.free(LABEL).unwrap();
    disk.assert_clean(&volumes);
}

#[test]
fn a_volume_that_is_lost_or_damaged_is_never_made_anew() {
    let disk = Disk::plain();
    let volumes = disk.open(StorageKind::SparseImage);
    volumes.ready(LABEL, &limits(32)).unwrap();
    volumes.settle(LABEL).unwrap();
    volumes.release(LABEL).unwrap();
    let image = volumes.root.join("label.img");
    let aside = volumes.root.join("aside");
    std::fs::rename(&image, &aside).unwrap();
    let lost = volumes.ready(LABEL, &limits(32)).unwrap_err().to_string();
    assert!(lost.contains("label.img is missing") && lost.contains("backup"), "{lost}");
    std::fs::rename(&aside, &image).unwrap();

    // Its superblock is gone: it stays as it is, and the error says what to do.
    let file = File::options().read(true).write(true).open(&image).unwrap();
    let mut superblock = [0; 1024];
    file.read_exact_at(&mut superblock, 1024).unwrap();
    file.write_all_at(&[0; 1024], 1024).unwrap();
    let damaged = volumes.ready(LABEL, &limits(32)).unwrap_err().to_string();
    assert!(damaged.contains("e2fsck -f") && damaged.contains("label.img"), "{damaged}");
    // Readable, but the kernel refuses it: the checksum is wrong.
    let mut wrong = superblock;
    wrong[0x48] ^= 0xff;
    file.write_all_at(&wrong, 1024).unwrap();
    let damaged = volumes.ready(LABEL, &limits(32)).unwrap_err().to_string();
    assert!(damaged.contains("e2fsck -f"), "{damaged}");
    assert_eq!(mounts::mounted_below(&disk.state_dir()).unwrap(), Vec::new());
    file.write_all_at(&superblock, 1024).unwrap();
    drop(file);
    volumes.ready(LABEL, &limits(32)).unwrap();
    volumes.release(LABEL).unwrap();

    // The kernel noted errors: what can be mended is, before it is used again.
    run("debugfs", &["-w", "-R", "set_super_value state 2", image.to_str().unwrap()]);
    assert!(ext4::Superblock::read(&image).unwrap().has_errors);
    volumes.ready(LABEL, &limits(32)).unwrap();
    assert!(!ext4::Superblock::read(&image).unwrap().has_errors);
    volumes.release(LABEL).unwrap();
    disk.assert_clean(&volumes);
}

#[test]
fn a_volume_grows_with_its_tier_and_is_held_to_a_smaller_one() {
    let disk = Disk::plain();
    let volumes = disk.open(StorageKind::Pool);
    let path = volumes.ready(LABEL, &limits(32)).unwrap();
    std::fs::write(path.join("kept"), vec![3; 5 << 20]).unwrap();
    let usable = || {
        let statfs = rustix::fs::statfs(&path).unwrap();
        statfs.f_bavail * u64::try_from(statfs.f_bsize).unwrap()
    };
    let before = usable();
    let outcome = volumes.resize(LABEL, &limits(96)).unwrap();
    if let Resized::AtNextStart(reason) = &outcome {
        assert!(reason.contains("next start"), "{reason}");
        assert!(usable() <= before);
        volumes.release(LABEL).unwrap();
        volumes.ready(LABEL, &limits(96)).unwrap();
    }
    assert!(usable() > before + 50 * MIB, "{} after {before}", usable());
    assert_eq!(std::fs::read(path.join("kept")).unwrap(), vec![3; 5 << 20]);
    // Smaller: at once, without touching what is there; below what is used it takes nothing more.
    assert_eq!(volumes.resize(LABEL, &limits(48)).unwrap(), Resized::Now);
    let (written, refusal) = fill(&path.join("filler"));
    assert!(is_full(&refusal) && (20 * MIB..=44 * MIB).contains(&written), "{written} {refusal}");
    volumes.resize(LABEL, &limits(16)).unwrap();
    assert!(is_full(&fill(&path.join("more")).1));
    assert_eq!(std::fs::read(path.join("kept")).unwrap(), vec![3; 5 << 20]);
    volumes.resize(LABEL, &limits(96)).unwrap();
    std::fs::write(path.join("more"), vec![4; 20 << 20]).unwrap();
    volumes.release(LABEL).unwrap();
    disk.assert_clean(&volumes);
}

#[test]
fn a_pool_that_is_configured_larger_grows() {
    let disk = Disk::plain();
    let total = |volumes: &Volumes| space::of(&volumes.pool.point).unwrap().total;
    let volumes = disk.open(StorageKind::Pool);
    let before = total(&volumes);
    let config = StorageConfig { pool_bytes: Some(600 * MIB), reserve_bytes: Some(0), kind: None };
    let volumes = {
        drop(volumes);
        Volumes::open(&disk.state_dir(), &config).unwrap()
    };
    assert!(total(&volumes) > before + 200 * MIB);
    disk.assert_clean(&volumes);
}

#[test]
fn a_subvolume_made_inside_a_volume_gains_nothing() {
    let Some(disk) = btrfs_with_quotas("a_subvolume_made_inside_a_volume_gains_nothing") else { return };
    let volumes = disk.open(StorageKind::Subvolume);
    let path = volumes.ready(LABEL, &limits(40)).unwrap();
    run("btrfs", &["-q", "subvolume", "create", path.join("inner").to_str().unwrap()]);
    let (written, refusal) = fill(&path.join("inner/filler"));
    assert!(is_full(&refusal) && written <= 41 * MIB, "{written} {refusal}");
    std::fs::remove_file(path.join("inner/filler")).unwrap();
    // Nor does it keep the volume from going: subvolumes in directories in subvolumes, deeper than the host would follow.
    let mut here = path.join("inner");
    for depth in 0..40 {
        here = here.join("a/b");
        std::fs::create_dir_all(&here).unwrap();
        std::fs::write(here.join("file"), "x").unwrap();
        if depth % 2 == 0 {
            here = here.join("subvolume");
            run("btrfs", &["-q", "subvolume", "create", here.to_str().unwrap()]);
        }
    }
    volumes.remove(LABEL).unwrap();
    volumes.free(LABEL).unwrap();
    assert_eq!(names_with(&volumes.root, "").unwrap(), Vec::<String>::new());
}

#[test]
fn writers_are_refused_before_the_reserve_is_gone_and_may_go_on_after() {
    let btrfs = btrfs_with_quotas("writers_are_refused_before_the_reserve_is_gone_and_may_go_on_after");
    let disks = std::iter::once((Disk::plain(), StorageKind::Pool));
    for (disk, kind) in disks.chain(btrfs.map(|disk| (disk, StorageKind::Subvolume))) {
        // Promises of 2 x 200 MiB over a disk of 300 to 512 MiB.
        let config = StorageConfig { kind: Some(kind), reserve_bytes: Some(64 * MIB), pool_bytes: Some(300 * MIB) };
        std::fs::create_dir_all(disk.state_dir()).unwrap();
        let mut volumes = Volumes::open(&disk.state_dir(), &config).unwrap();
        let a = volumes.ready("a", &limits(200)).unwrap();
        let b = volumes.ready("b", &limits(200)).unwrap();
        assert_eq!(volumes.watch().unwrap().0, None);
        std::fs::write(a.join("mine"), vec![1; 60 << 20]).unwrap();
        std::fs::write(b.join("mine"), vec![2; 60 << 20]).unwrap();
        std::fs::write(a.join("small"), vec![3; 4 << 20]).unwrap();
        for path in [&a, &b] {
            File::open(path.join("mine")).unwrap().sync_all().unwrap();
        }
        // What is free now is below the reserve.
        let space = volumes.scarcest().unwrap().0;
        volumes.reserve_bytes = Some(space.free + MIB);
        assert_eq!(volumes.watch().unwrap(), (None, true));
        assert!(volumes.report().short_of_space);
        for path in [&a, &b] {
            let (written, refusal) = fill(&path.join("more"));
            assert!(is_full(&refusal) && written < 8 * MIB, "{kind:?}: {written} {refusal}");
        }
        // Making room is always allowed, and helps nobody to more while the disk is short.
        std::fs::remove_file(a.join("small")).unwrap();
        let refusal = volumes.ready("c", &limits(200)).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::StorageFull);
        let refusal = volumes.resize("a", &limits(250)).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::StorageFull);
        // A volume that comes back meanwhile is held back too.
        volumes.release("b").unwrap();
        volumes.ready("b", &limits(200)).unwrap();
        assert!(is_full(&fill(&b.join("again")).1));
        // There is room again: everybody goes on, and nothing was lost.
        volumes.reserve_bytes = Some(space.free / 2);
        assert_eq!(volumes.watch().unwrap().0, None);
        assert!(!volumes.report().short_of_space);
        for path in [&a, &b] {
            std::fs::write(path.join("after"), vec![9; 8 << 20]).unwrap();
        }
        assert!(std::fs::read(b.join("mine")).unwrap() == vec![2; 60 << 20]);
        volumes.release("a").unwrap();
        volumes.release("b").unwrap();
        disk.assert_clean(&volumes);
    }
}

#[test]
fn whoever_takes_the_last_space_is_named_once_at_a_time() {
    let disk = Disk::plain();
    let mut volumes = disk.open(StorageKind::Pool);
    let a = volumes.ready("a", &limits(150)).unwrap();
    let b = volumes.ready("b", &limits(150)).unwrap();
    // Blocks promised before the brake, which no brake can take back.
    let promised = |path: &Path, mib: u64| {
        let file = File::create(path.join("promised")).unwrap();
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, mib * MIB).unwrap();
        file
    };
    let (in_a, in_b) = (promised(&a, 80), promised(&b, 80));
    let space = volumes.scarcest().unwrap().0;
    volumes.reserve_bytes = Some(space.free * 3);
    assert_eq!(volumes.watch().unwrap().0, None);
    let write = |file: &File, at: u64, mib: usize| {
        file.write_all_at(&vec![5; mib << 20], at * MIB).unwrap();
        file.sync_all().unwrap();
    };
    write(&in_a, 0, 4);
    write(&in_b, 0, 24);
    let victim = volumes.watch().unwrap().0.unwrap();
    assert_eq!(victim.label, "b");
    assert!(victim.reason.contains("disk space"), "{}", victim.reason);
    write(&in_a, 8, 8);
    assert_eq!(volumes.watch().unwrap().0, None, "the first is not gone yet");
    drop(in_b);
    volumes.release("b").unwrap();
    write(&in_a, 20, 8);
    assert_eq!(volumes.watch().unwrap().0.unwrap().label, "a");
    drop(in_a);
    volumes.release("a").unwrap();
    disk.assert_clean(&volumes);
}
