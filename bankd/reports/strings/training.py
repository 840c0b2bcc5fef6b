"""Words of the training data report."""

EN = {
    "training_data.title": "Training data of a network",
    "training_data.summary": (
        "This network ({kind}) was trained on {photos} of {licensors} under {licenses}. The photos were "
        "pinned on {moment}; each had cleared for training then."
    ),
    "training_data.clears": "All of them clear for training today, for the use that they were pinned for.",
    "training_data.refused": "Today {count} of them would be refused for training. Reasons: {reasons}.",
    "training_data.licensors": "Photos by licensor",
    "training_data.licensors.none": "This bank holds no license of these photos.",
    "training_data.chart": "Photos by licensor",
    "training_data.n_photos": "Photos",
    "training_data.n_licenses": "Licenses",
    "training_data.of.one": "{count} licensor",
    "training_data.of.many": "{count} licensors",
    "training_data.under.one": "{count} license",
    "training_data.under.many": "{count} licenses",
    "training_data.n.one": "{count} photo",
    "training_data.n.many": "{count} photos",
    "training_data.without": "{count} photos hold no license of this bank that allows training.",
    "training_data.licenses": "Photos by license",
    "training_data.licenses.note": (
        "Licenses with a grant that allows training. A photo that holds several counts under each."
    ),
    "training_data.basis": "Basis",
    "training_data.document": "Document",
    "training_data.facts": "Facts for a summary of training content",
    "training_data.facts.note": (
        "What public summaries of training content ask for, as far as this bank recorded it. This is no "
        "statement that any law is complied with."
    ),
    "training_data.modality": "Modality",
    "training_data.modality.value": "Still photos with label maps",
    "training_data.size": "Size",
    "training_data.size.value": "{photos}",
    "training_data.owned": "Owned by the house",
    "training_data.licensed": "Licensed by rights holders or collecting societies",
    "training_data.public": "Public domain",
    "training_data.other": "By ruling or statute",
    "training_data.elsewhere": "Under no license of this bank",
    "training_data.crawled": "Collected by crawling",
    "training_data.crawled.value": (
        "None by this bank: photos come in by ingestion, each with its rights on record"
    ),
    "training_data.crawled.elsewhere": "Not known: the photos were another bank's",
    "training_data.reserved": "With data mining prohibited or limited in the photo's metadata (PLUS)",
    "training_data.persons": "Persons shown",
    "training_data.persons.none": "No persons",
    "training_data.persons.present": "Persons",
    "training_data.persons.unknown": "Nobody looked",
    "training_data.data_basis": "Basis for personal data (GDPR Art. 6)",
    "training_data.here": "Held in this bank today",
    "training_data.erased": "Erased since",
    "training_data.use": "Use that the photos were cleared for",
    "training_data.network": "Network",
    "training_data.bytes": "Size, bytes",
    "training_data.code": "Code version",
    "training_data.categories": "Categories",
    "training_data.pinned_at": "Pinned at",
    "training_data.pinned_under": "Pinned under policy bundle",
    "training_data.pinned_log": "Rights looked at up to log entry",
    "training_data.imported": "Came from another bank",
    "training_data.recipe": "Training recipe",
    "training_data.metrics": "Measured by the training itself",
    "training_data.photos": "Training photos by hash",
    "training_data.photos.note": (
        "The first 25 by hash; the spreadsheet lists {count}, and the JSON attached to the PDF too."
    ),
    "training_data.note": (
        "Training photos are not placed photos: this report does not say that any of them can be seen in a "
        "picture. It says on which recorded grants they cleared, and nothing about what a law requires."
    ),
    "yes.recorded": "Recorded",
    "yes.is": "Yes",
    "no.is": "No",
    "data_basis.none": "None recorded",
    "data_basis.consent": "Consent",
    "data_basis.contract": "Contract",
    "data_basis.legal-obligation": "Legal obligation",
    "data_basis.legitimate-interest": "Legitimate interests",
    "data_basis.public-task": "Public task",
    "data_basis.vital-interests": "Vital interests",
}

JA = {
    "training_data.title": "ネットワークの学習データ報告書",
    "training_data.summary": (
        "このネットワーク（{kind}）は、{licensors}による{licenses}に基づく写真{photos}で学習しています。"
        "写真は{moment}に確定され、その時点でいずれも学習への利用が認められていました。"
    ),
    "training_data.clears": "確定時の用途については、本日もすべての写真の学習利用が認められます。",
    "training_data.refused": "うち{count}点は、本日の時点で学習利用が認められません。理由：{reasons}",
    "training_data.licensors": "ライセンサー別の写真",
    "training_data.licensors.none": "これらの写真について、本バンクが保有するライセンスはありません。",
    "training_data.chart": "ライセンサー別の写真",
    "training_data.n_photos": "写真",
    "training_data.n_licenses": "ライセンス",
    "training_data.of.one": "{count}者のライセンサー",
    "training_data.of.many": "{count}者のライセンサー",
    "training_data.under.one": "{count}件のライセンス",
    "training_data.under.many": "{count}件のライセンス",
    "training_data.n.one": "{count}点",
    "training_data.n.many": "{count}点",
    "training_data.without": "{count}点には、学習を認める本バンクのライセンスがありません。",
    "training_data.licenses": "ライセンス別の写真",
    "training_data.licenses.note": (
        "学習を認める許諾のあるライセンスです。複数に該当する写真はそれぞれに数えます。"
    ),
    "training_data.basis": "根拠",
    "training_data.document": "書類",
    "training_data.facts": "学習コンテンツの概要のための事実",
    "training_data.facts.note": (
        "学習コンテンツの公開概要で問われる事項を、本バンクに記録された範囲で示します。"
        "いずれの法令への適合を述べるものでもありません。"
    ),
    "training_data.modality": "種類",
    "training_data.modality.value": "静止画の写真とラベルマップ",
    "training_data.size": "規模",
    "training_data.size.value": "写真{photos}",
    "training_data.owned": "自社所有",
    "training_data.licensed": "権利者または集中管理団体からの許諾",
    "training_data.public": "パブリックドメイン",
    "training_data.other": "裁定または法令の規定によるもの",
    "training_data.elsewhere": "本バンクのライセンスによらないもの",
    "training_data.crawled": "クローリングによる収集",
    "training_data.crawled.value": (
        "本バンクによるものはなし。写真はすべて権利の記録とともに受け入れています。"
    ),
    "training_data.crawled.elsewhere": "不明（他のバンクの写真のため）",
    "training_data.reserved": "写真のメタデータ（PLUS）でデータマイニングが禁止・制限されているもの",
    "training_data.persons": "人物の写り込み",
    "training_data.persons.none": "なし",
    "training_data.persons.present": "あり",
    "training_data.persons.unknown": "未確認",
    "training_data.data_basis": "個人データ利用の根拠（GDPR第6条）",
    "training_data.here": "本日本バンクが保有するもの",
    "training_data.erased": "その後消去されたもの",
    "training_data.use": "写真の利用が認められた用途",
    "training_data.network": "ネットワーク",
    "training_data.bytes": "大きさ（バイト）",
    "training_data.code": "コードの版",
    "training_data.categories": "カテゴリー",
    "training_data.pinned_at": "確定日時",
    "training_data.pinned_under": "確定時のポリシーバンドル",
    "training_data.pinned_log": "権利を確認したログ番号",
    "training_data.imported": "他のバンクからの受入れ",
    "training_data.recipe": "学習レシピ",
    "training_data.metrics": "学習時の測定値",
    "training_data.photos": "学習写真のハッシュ",
    "training_data.photos.note": (
        "ハッシュ順の最初の25点です。表計算ファイルとPDFに添付のJSONには{count}点を示します。"
    ),
    "training_data.note": (
        "学習写真は配置写真ではありません。本報告書は、これらの写真が画像に見えることを示すものではなく、"
        "記録されたどの許諾に基づき利用が認められたかを示すもので、法令上の要件について述べるものではありません。"
    ),
    "yes.recorded": "記録あり",
    "yes.is": "はい",
    "no.is": "いいえ",
    "data_basis.none": "記録なし",
    "data_basis.consent": "同意",
    "data_basis.contract": "契約",
    "data_basis.legal-obligation": "法的義務",
    "data_basis.legitimate-interest": "正当な利益",
    "data_basis.public-task": "公的任務",
    "data_basis.vital-interests": "生命に関する利益",
}
