"""Made-up reports of every kind, with names in two scripts, several currencies and long lists."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from bankd.licensing.use import Use
from bankd.reports.kinds.expiries import model as xp
from bankd.reports.kinds.exposure import model as ex
from bankd.reports.kinds.inventory import model as iv
from bankd.reports.kinds.statement import model as st
from bankd.reports.kinds.training import model as tr
from bankd.reports.report import Checkpoint, Head, Report

HEAD = Head(
    entity="Kirishima Trading 株式会社",
    as_of="2026-11-23T12:00:00.000000Z",
    data_cut_off=48_213,
    policy_bundle="b3" * 32,
    log_checkpoint=Checkpoint(size=48_210, root="c4" * 32, at="2026-11-23T11:59:58.000000Z"),
    unverified_facts=2,
    prepared_by="aiko.mori",
)


def line(n: int, reason: str | None = None, cur: str = "JPY", amt: int = 1200) -> st.Line:
    return st.Line(
        accrual=1000 + n,
        at=f"2026-10-{1 + n % 28:02d}T0{n % 9}:12:00.000000Z",
        trigger=("seal", "handout", "publication", "copies")[n % 4],
        grant=f"HANAMI-2026/{('all', 'web', 'print')[n % 3]}",
        composite_id=UUID(int=n * 7919 + 5),
        photo_id=UUID(int=n),
        units=1,
        canvas_px=120_000 + n,
        frame_px=786_432,
        of_minor=amt * 2,
        amount_minor=amt,
        currency=cur,
        reason=reason,
    )


STATEMENT = st.StatementReport(
    head=HEAD,
    statement_id=UUID(int=77),
    figures_sha256="a1" * 32,
    computed_at="2026-11-02T03:00:00.000000Z",
    computed_by="yuki",
    payee=st.Payee(
        ref="hanami",
        name="花見写真事務所 Hanami Pictures K.K.",
        country="JP",
        zone="Asia/Tokyo",
        registration_number="T1234567890123",
        consumption_tax_bp=1000,
        withholding_bp=1021,
        withholding_above_minor=1_000_000,
        withholding_above_bp=2042,
        least_payout_minor=5000,
    ),
    period="2026-10",
    starts_on=date(2026, 10, 1),
    ends_on=date(2026, 10, 31),
    currency="JPY",
    earned=(
        st.Earned(
            currency="EUR",
            entries=31,
            period_minor=123450,
            earlier_minor=2000,
            corrections_minor=-1500,
            amount_minor=123950,
            converted_minor=202_781,
        ),
        st.Earned(
            currency="JPY",
            entries=210,
            period_minor=1_050_000,
            earlier_minor=0,
            corrections_minor=0,
            amount_minor=1_050_000,
            converted_minor=1_050_000,
        ),
    ),
    rates=(
        st.Rate(
            base="EUR", rate="163.60", on=date(2026, 10, 30), source="European Central Bank, reference rate"
        ),
    ),
    by_license=tuple(
        st.ByLicense(
            license=f"HANAMI-{y}",
            title=t,
            licensor="Hanami Pictures",
            trigger=tg,
            currency="JPY",
            amount_minor=a,
            verified=v,
        )
        for y, t, tg, a, v in (
            (2026, "春の茶器 撮影契約", "seal", 650_000, True),
            (2026, "春の茶器 撮影契約", "publication", 300_000, True),
            (2025, "Kitchens 2025, rights-managed", "handout", 100_000, False),
        )
    ),
    shares=(st.Share(license="HANAMI-2026", starts_on=date(2026, 4, 1), weight=2, of=3),),
    held=(
        st.Held(reason="photo-disputed", currency="JPY", amount_minor=12_000),
        st.Held(reason="claim", currency="JPY", amount_minor=30_500),
    ),
    escrow=(
        st.EscrowMovement(
            currency="JPY",
            brought_minor=20_000,
            held_minor=30_500,
            released_minor=8_000,
            reassigned_minor=0,
            closing_minor=42_500,
        ),
    ),
    gross_minor=1_252_781,
    brought_forward_minor=3_200,
    brought_forward_from="2026-09",
    payable_minor=1_255_981,
    consumption_tax_minor=125_598,
    withholding_minor=154_371,
    net_minor=1_227_208,
    carried_forward_minor=0,
    lines_in_all=241,
    lines=tuple(line(n) for n in range(60)),
    corrections=(line(70, "copies were counted twice by the printer", "EUR", -1500),),
)
days = [date(2026, 1 + i % 11, 1 + i % 27) for i in range(90)]
EXPOSURE = ex.ExposureReport(
    head=HEAD,
    subject="license",
    ref="HANAMI-2026",
    title="春の茶器 撮影契約",
    photos=412,
    segments=1890,
    composites=90,
    handouts=44,
    publications=21,
    takedowns_open=3,
    snapshots=1,
    networks=(
        ex.Network(
            sha256="d5" * 32,
            kind="refinement",
            snapshot="e6" * 32,
            registered_at="2026-05-01T10:00:00.000000Z",
        ),
    ),
    agreements=(
        ex.Agreement(
            license="HANAMI-2026",
            title="春の茶器 撮影契約",
            licensor="Hanami Pictures",
            verified=False,
            withdrawn_at="2026-11-20T00:00:00.000000Z",
        ),
    ),
    touched=tuple(
        ex.Touched(
            composite_id=UUID(int=10**30 + i),
            request_id=UUID(int=i),
            sealed_at=f"{d}T09:30:00.000000Z",
            canvas_px=50_000 + i * 3000,
            frame_px=786_432,
            handouts=i % 3,
            publications=i % 5 // 4,
            exposed_at="2026-11-20T00:00:01.000000Z" if i % 2 else None,
            why="relies" if i % 2 else None,
        )
        for i, d in enumerate(sorted(days))
    ),
    given=tuple(
        ex.Given(
            composite_id=UUID(int=10**30 + i),
            recipient="Komorebi Goods 宣伝部",
            channel=("web", "print")[i % 2],
            at=f"2026-10-{1 + i:02d}T08:00:00.000000Z",
            comp=i % 4 == 0,
        )
        for i in range(9)
    ),
    published=tuple(
        ex.Published(
            composite_id=UUID(int=10**30 + i),
            ref=f"p{i}",
            place=(
                "https://www.example.com/spring/campaign/kitchen-and-tea-ware-2026/index.html",
                "Asahi Shimbun 朝刊 12面",
            )[i % 2],
            channel=("web", "print")[i % 2],
            territories=("JP", "US", "DE")[: 1 + i % 3],
            copies=(0, 6_800_000)[i % 2],
            starts_on=date(2026, 10, 1 + i),
            ends_on=None if i % 2 == 0 else date(2026, 10, 1 + i),
            taken_down_on=date(2026, 11, 21) if i == 2 else None,
            outside=i == 4,
        )
        for i in range(6)
    ),
)
NAMED = (
    ("term", "grant", "HANAMI-2026/all"),
    ("notice of renewal", "grant", "STUDIO-7/web"),
    ("publish-by", "grant", "MORI-3/print"),
    ("release", "release", "R-2026-003"),
    ("hold", "licensor", "mori"),
    ("embargo", "photo", str(UUID(int=5))),
    ("reconfirm-by", "release", "R-KID-1"),
    ("sell-off", "grant", "MORI-3/print"),
)


def end(i: int) -> xp.End:
    at = datetime(2026, 11, 23, 15, tzinfo=UTC) + timedelta(days=3 + i * 7)
    what, subject, ref = NAMED[i % 8]
    of_grant = subject == "grant"
    return xp.End(
        at=at.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        what=what,
        subject=subject,
        ref=ref,
        title=("春の茶器 撮影契約", "Kitchens of Europe, rights-managed package")[i % 2]
        if of_grant
        else None,
        licensor=("花見写真事務所", "Studio Mori Photography GmbH & Co. KG")[i % 2] if of_grant else None,
        photos=i * 13 % 400,
        composites=i * 7 % 90 if of_grant else None,
        verified=bool(i % 3) if of_grant else None,
        zone="Asia/Tokyo" if subject in ("grant", "release") else None,
    )


EXPIRIES = xp.ExpiriesReport(
    head=HEAD, days=365, until="2027-11-23T12:00:00.000000Z", ends=tuple(map(end, range(46)))
)
use = Use.model_validate(
    {
        "purpose": "commercial",
        "channels": ["web"],
        "targeted": ["JP"],
        "accessible": ["WORLD"],
        "starts_on": "2026-01-01",
        "ends_on": "2030-12-31",
        "audience": "public",
    }
)
TRAINING = tr.TrainingReport(
    head=HEAD,
    network="d5" * 32,
    kind="refinement",
    size_bytes=18_443_212,
    registered_at="2026-05-01T10:00:00.000000Z",
    code_version="0.9.1",
    recipe={
        "kind": "refinement",
        "steps": "8000",
        "size": "256",
        "width": "small",
        "learning_rate": "0.0002",
        "losses": "color 1.0, perceptual 1.0",
    },
    categories=("wall", "floor", "mug", "table", "window", "plant"),
    metrics={"color_l1": "0.0312", "perceptual": "0.418"},
    snapshot="e6" * 32,
    photos=4800,
    pinned_at="2026-04-20T10:00:00.000000Z",
    pinned_under="b3" * 32,
    pinned_at_log=31_002,
    imported=False,
    use=use,
    clears_today=False,
    refused_today=412,
    refused_by=("license-withdrawn",),
    by_license=(
        tr.ByLicense(
            licensor="The house",
            license="OWN",
            title="Photos of the house",
            basis="owned",
            spdx=None,
            photos=3000,
            verified=True,
            document=True,
            withdrawn_at=None,
        ),
        tr.ByLicense(
            licensor="花見写真事務所",
            license="HANAMI-2026",
            title="春の茶器 撮影契約",
            basis="licensed",
            spdx=None,
            photos=1412,
            verified=False,
            document=True,
            withdrawn_at="2026-11-20T00:00:00.000000Z",
        ),
        tr.ByLicense(
            licensor="Open archive",
            license="CC",
            title="Open archive, public domain",
            basis="public-domain",
            spdx="CC0-1.0",
            photos=388,
            verified=True,
            document=False,
            withdrawn_at=None,
        ),
    ),
    without_license=0,
    bases=(
        tr.Counted(code="licensed", photos=1412),
        tr.Counted(code="owned", photos=3000),
        tr.Counted(code="public-domain", photos=388),
    ),
    persons=(tr.Counted(code="none", photos=4700), tr.Counted(code="present", photos=100)),
    data_bases=(tr.Counted(code="consent", photos=100), tr.Counted(code="none", photos=4700)),
    data_mining=(tr.Counted(code="DMI-ALLOWED", photos=400), tr.Counted(code="unstated", photos=4400)),
    erased=2,
    here=4798,
    listed=tuple(tr.Photo(sha256=f"{i:064x}", licenses=("OWN",)) for i in range(40)),
)


def R(code: str, photos: int, synthesize: int, train: int) -> iv.Right:
    return iv.Right(code=code, photos=photos, synthesize=synthesize, train=train)


INVENTORY = iv.InventoryReport(
    head=HEAD,
    department=None,
    admitted=52_310,
    blocked=212,
    lapsed=1_204,
    in_force=50_894,
    synthesize=44_120,
    train=9_870,
    quarantined=318,
    erased=27,
    bases=(
        R("licensed", 40_000, 34_000, 3_000),
        R("owned", 10_000, 9_900, 6_870),
        R("public-domain", 894, 220, 0),
    ),
    purposes=(
        R("commercial", 48_000, 44_000, 9_800),
        R("editorial", 50_894, 43_000, 9_870),
        R("internal", 12_000, 11_000, 2_000),
    ),
    channels=(
        R("web", 50_100, 44_000, 9_800),
        R("print", 39_001, 30_000, 9_800),
        R("packaging", 1_200, 1_100, 0),
    ),
    audiences=(R("public", 50_000, 44_000, 9_870), R("internal", 50_894, 44_120, 9_870)),
    territories=(
        R("JP", 20_000, 18_000, 1_000),
        R("WORLD", 28_000, 25_000, 8_000),
        R("US", 9_000, 8_000, 870),
    ),
    endings=(
        R("open", 20_000, 19_000, 8_000),
        R("later", 12_000, 11_000, 1_000),
        R("within-a-year", 15_000, 12_000, 870),
        R("within-90-days", 3_000, 2_000, 0),
        R("within-30-days", 894, 120, 0),
    ),
    licenses=tuple(
        iv.LicenseHeld(
            licensor=("花見写真事務所", "Studio Mori Photography GmbH & Co. KG", "The house")[i % 3],
            license=f"LIC-{2020 + i}",
            title=("春の茶器 撮影契約", "Kitchens of Europe, rights-managed package", "House photos")[i % 3],
            basis=("licensed", "licensed", "owned")[i % 3],
            template=(None, "rights-managed", "owned")[i % 3],
            photos=1000 * i + 17,
            grants_in_force=i % 4,
            synthesize=i % 4 > 0,
            train=i % 4 == 3,
            worldwide=i % 2 == 0 and i % 4 > 0,
            ends_on=None if i % 3 == 2 else date(2027, 1 + i % 12, 28),
            verified=i % 5 != 0,
        )
        for i in range(22)
    ),
)

REPORTS: dict[str, Report] = {
    report.report: report for report in (STATEMENT, EXPOSURE, EXPIRIES, TRAINING, INVENTORY)
}
