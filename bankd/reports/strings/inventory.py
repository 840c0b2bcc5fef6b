"""Words of the inventory by right."""

EN = {
    "inventory.title": "Bank inventory by right",
    "inventory.of": "Photos of",
    "inventory.house": "The whole house",
    "inventory.summary": (
        "Photos admitted: {admitted}. With a grant in force: {in_force}; as their grants state, {synthesize} "
        "may go into composites and {train} may be trained on."
    ),
    "inventory.chart": "Photos by what their grants state",
    "inventory.states": "Photos",
    "inventory.state": "State",
    "inventory.admitted": "Admitted",
    "inventory.in_force": "With a grant in force",
    "inventory.blocked": "Blocked: dispute, embargo, hold or withdrawal",
    "inventory.lapsed": "Without a grant in force",
    "inventory.quarantined": "In quarantine",
    "inventory.erased": "Erased",
    "inventory.synthesize": "May go into composites",
    "inventory.train": "May be trained on",
    "inventory.none": "There is none.",
    "inventory.ending_chart": "Photos with a grant in force, by when it ends",
    "inventory.endings": "By the end of the right that lasts longest",
    "inventory.ending.within-30-days": "Within 30 days",
    "inventory.ending.within-90-days": "Within 90 days",
    "inventory.ending.within-a-year": "Within a year",
    "inventory.ending.later": "Later",
    "inventory.ending.open": "Until withdrawn",
    "inventory.right": "Right",
    "inventory.bases": "By basis",
    "inventory.purposes": "By purpose",
    "inventory.channels": "By channel",
    "inventory.audiences": "By audience",
    "inventory.territories": "By territory",
    "inventory.territories.note": (
        "Photos that are allowed worldwide count there and under no single country. Exceptions of a grant "
        "are taken out."
    ),
    "inventory.licenses": "Licenses",
    "inventory.kind": "Kind",
    "inventory.ends": "Ends",
    "inventory.not_in_force": "Not in force",
    "inventory.allows": "Allows",
    "inventory.allows.synthesize": "composites",
    "inventory.allows.train": "training",
    "inventory.allows.worldwide": "worldwide",
    "inventory.grants": "Grants in force",
    "inventory.note": (
        "A photo counts where one grant in force names the right; the two columns beside it where that same "
        "grant allows the action too. Whether a photo clears for a particular use is decided by policy, use "
        "by use: this report does not say so."
    ),
    "template.owned": "Owned",
    "template.royalty-free": "Royalty-free",
    "template.rights-managed": "Rights-managed",
    "template.editorial": "Editorial",
    "template.subscription": "Subscription",
}

JA = {
    "inventory.title": "権利別保有写真報告書",
    "inventory.of": "対象",
    "inventory.house": "全社",
    "inventory.summary": (
        "受入れ済みの写真は{admitted}点です。うち{in_force}点に有効な許諾があり、許諾の記載上、{synthesize}点は合成画像に、"
        "{train}点は学習に利用できます。"
    ),
    "inventory.chart": "許諾の記載による写真の点数",
    "inventory.states": "写真",
    "inventory.state": "状態",
    "inventory.admitted": "受入れ済み",
    "inventory.in_force": "有効な許諾あり",
    "inventory.blocked": "利用停止中（係争・公開禁止・停止・撤回）",
    "inventory.lapsed": "有効な許諾なし",
    "inventory.quarantined": "保留中",
    "inventory.erased": "消去済み",
    "inventory.synthesize": "合成画像に利用可",
    "inventory.train": "学習に利用可",
    "inventory.none": "該当はありません。",
    "inventory.ending_chart": "有効な許諾のある写真の終期",
    "inventory.endings": "最も長く続く権利の終期別",
    "inventory.ending.within-30-days": "30日以内",
    "inventory.ending.within-90-days": "90日以内",
    "inventory.ending.within-a-year": "1年以内",
    "inventory.ending.later": "1年超",
    "inventory.ending.open": "撤回まで",
    "inventory.right": "権利",
    "inventory.bases": "根拠別",
    "inventory.purposes": "目的別",
    "inventory.channels": "媒体別",
    "inventory.audiences": "閲覧者別",
    "inventory.territories": "地域別",
    "inventory.territories.note": (
        "全世界で認められる写真は「全世界」に数え、個別の国には数えません。許諾の除外地域は除いています。"
    ),
    "inventory.licenses": "ライセンス",
    "inventory.kind": "種類",
    "inventory.ends": "終期",
    "inventory.not_in_force": "効力なし",
    "inventory.allows": "認める利用",
    "inventory.allows.synthesize": "合成画像",
    "inventory.allows.train": "学習",
    "inventory.allows.worldwide": "全世界",
    "inventory.grants": "有効な許諾数",
    "inventory.note": (
        "写真は、有効な一つの許諾がその権利を認める場合に数えます。右の2列は、同じ許諾がその行為も認める場合の点数です。"
        "個別の用途に利用できるかどうかは、用途ごとにポリシーが判断するもので、本報告書が示すものではありません。"
    ),
    "template.owned": "自社所有",
    "template.royalty-free": "買切り型",
    "template.rights-managed": "ライツマネージド",
    "template.editorial": "報道・編集用",
    "template.subscription": "定額制",
}
