"""Sentences of the policies that this version brings, and of what refuses beside them."""

EN = {
    "rule.alteration-not-granted": "The license does not allow every alteration that would be made",
    "rule.composing-not-granted": (
        "The license does not allow parts of the photo to be cut out and combined with others"
    ),
    "rule.generative-not-granted": "The license does not say that the photo may feed generated pictures",
    "rule.adapting-not-granted": (
        "The license does not allow the photo's arrangement to be taken over into another picture"
    ),
    "rule.merging-forbidden-by-photo": "The photo's own file forbids merging it with other pictures",
    "rule.cropping-forbidden-by-photo": "The photo's own file forbids cropping",
    "rule.retouching-forbidden-by-photo": "The photo's own file forbids retouching",
    "rule.recoloring-forbidden-by-photo": "The photo's own file forbids changing its colors",
    "rule.flipping-forbidden-by-photo": "The photo's own file forbids flipping",
    "rule.constraint-unknown": "The photo's own file forbids an alteration that the rules do not know",
    "rule.model-release-missing": (
        "People may be recognised in the photo and no model release covers this use"
    ),
    "rule.person-not-covered": "A person in the photo is covered by none of its model releases",
    "rule.minor-depicted": "The photo may show a minor, and no guardian has signed for this use",
    "rule.reconfirmation-missing": (
        "A guardian signed for a person who has not confirmed it since coming of age"
    ),
    "rule.data-basis-missing": (
        "Nothing says on which legal basis the data of people in the photo may be used"
    ),
    "rule.data-basis-over": (
        "The legal basis for using the data of people in the photo ends before the use does"
    ),
    "rule.may-view": "People of the house may look at small previews of photos it holds a live grant for",
    "rule.may-use": "A picture may be made and published where one grant covers the whole use",
    "rule.may-train": "A network may be trained on photos whose grant allows training",
    "rule.may-compose": "Photos may stand in one picture where their licenses agree with each other",
    "rule.channel-not-covered": "The license does not cover every channel of the use",
    "rule.purpose-not-covered": "The license does not allow this purpose",
    "rule.sector-not-covered": "The license does not cover this sector",
    "rule.licensee-not-covered": "The license was not given to the party that would use the picture",
    "rule.beneficiary-not-covered": (
        "The license was not given to a party in whose interest the picture would be used"
    ),
    "rule.audience-not-covered": "The license does not cover this audience",
    "rule.view-is-internal": "Previews are for people of the house only",
    "rule.copies-above-limit": "The use prints more copies than the license allows",
    "rule.copies-undeclared": "The license limits copies, and the use prints without saying how many",
    "rule.subject-excluded": "The license excludes a topic of this use",
    "rule.field-held-by-another": "Another party has this field to itself",
    "rule.synthetic-depiction-not-released": (
        "A release does not allow what it covers to be shown in synthesized pictures"
    ),
    "rule.release-channel": "A release does not cover every channel of the use",
    "rule.release-purpose": "A release does not cover this purpose",
    "rule.release-sector": "A release does not cover this sector",
    "rule.release-excludes-subject": "A release excludes a sensitive subject of this use",
    "rule.release-territory": "A release does not hold everywhere that the picture would be seen",
    "rule.release-not-begun": "A release does not hold yet when the use begins",
    "rule.release-over": "A release ends before the use does",
    "rule.property-release-missing": "The photo may show property that needs a release for commercial use",
    "rule.depicted-right-unknown": (
        "The photo shows a protected thing that nobody has released and no exception covers"
    ),
    "rule.depicted-exception-elsewhere": (
        "The photo shows a protected thing that the law does not except everywhere in the use"
    ),
    "rule.set-empty": "The picture relies on no grant at all",
    "rule.meet-empty": "The licenses of these photos leave no use that all of them allow",
    "rule.share-alike-clash": "Two share-alike licenses each demand the whole picture",
    "rule.share-alike-beside-noncommercial": (
        "A share-alike license would free the picture for uses that a non-commercial license forbids"
    ),
    "rule.share-alike-beside-rights-managed": (
        "A share-alike license would give anyone what was licensed to the house alone"
    ),
    "rule.credit-not-carried": "Credits are owed that a channel of the use cannot carry",
    "rule.person-beside-sensitive-subject": (
        "A person would stand beside a sensitive subject that no release of theirs allows"
    ),
    "rule.competing-brands": "Competing brands would stand in one picture",
    "rule.product-of-another": (
        "A region declared as a product would show something that is not recorded as it"
    ),
    "rule.product-made-up": "A part of a product would be made up, by a network or without any photo of it",
    "rule.generated-area-above-limit": (
        "Networks would make more of the picture than an advertisement of products may show"
    ),
    "rule.title-unshown-for-large-run": (
        "No document shows how the licensor came by the rights, and very many copies would be printed"
    ),
    "rule.person-beside-released-subject": (
        "A person would stand beside a sensitive subject, which somebody of the house has to look at first"
    ),
    "rule.license-withdrawn": "The license for this photo was withdrawn",
    "rule.license-superseded": "Newer terms have taken the place of this license",
    "rule.grant-denied": "The house has put this grant on hold",
    "rule.cap-reached": "As many pictures as this grant allows have already been made",
    "rule.photo-disputed": "Somebody disputes the rights in this photo",
    "rule.photo-embargoed": "This photo is under embargo",
    "rule.embargo-outlasts-start": "This photo may not be published before its embargo ends",
    "rule.photo-erased": "This photo was erased",
    "rule.photo-withdrawn": "This photo, or a release for what it shows, was withdrawn",
    "rule.photo-held": "The house has put this photo on hold",
    "rule.block-unknown": "This photo is held back for a reason that the rules do not know",
    "rule.co-owner-missing": "Not every co-owner of this photo has agreed",
    "rule.basis-unknown": "It is not known why the house may use this photo",
    "rule.statute-gives-no-picture": (
        "A statute stands in place of a license, and none allows the photo to be placed in pictures"
    ),
    "rule.title-incomplete": "It is not shown by documents how the licensor came by the rights",
    "rule.integrity-reserved": "The author keeps the right to object to alterations",
    "rule.term-not-begun": "The license has not begun yet",
    "rule.term-over": "The license has expired",
    "rule.period-outside-term": "The license does not cover the whole period of the use",
    "rule.period-over": "The period of the use is already over",
    "rule.create-by-passed": "The license no longer allows new pictures to be made",
    "rule.publish-by-passed": "The license no longer allows a use to begin",
    "rule.availability-over": "The photo may no longer be chosen for anything new",
    "rule.nothing-new-to-make": "Selling off stock and keeping an archive make no new pictures",
    "rule.stock-is-printed": "Only what was printed can be sold off as stock",
    "rule.sell-off-not-granted": "The license does not allow stock to be sold off after its term",
    "rule.sell-off-over": "Stock may no longer be sold off",
    "rule.archive-not-granted": "The license does not allow publications to stay in archives after its term",
    "rule.ruling-over": "The ruling that allows the photo has expired",
    "rule.period-outside-ruling": "The ruling that allows the photo ends before the use does",
    "rule.embedded-rights-over": "The rights written inside the photo's own file have expired",
    "rule.period-outside-embedded-rights": (
        "The rights written inside the photo's own file end before the use does"
    ),
    "rule.ruling-elsewhere": (
        "The ruling that allows the photo does not hold everywhere that the picture would be seen"
    ),
    "rule.territory-not-covered": "The license does not cover every territory of the use",
    "rule.training-not-granted": "The license does not say that networks may be trained on the photo",
    "rule.training-forbidden-by-photo": "The photo's own file forbids data mining or training",
    "rule.error-in-evaluation": "A fact is missing or unreadable, so the rules could not be asked",
    "rule.default-deny": "No rule allows this",
    "rule.no-grant": "The house holds no grant for this photo",
    "rule.layout-withheld": "The photo that the layout was taken from does not clear for this use",
    "rule.signoff-declined": "Whoever was asked to sign this off has declined",
    "rule.signoff-lapsed": "Nobody signed this off in time",
    "rule.result-forged": "The render worker's answer did not hold when it was worked out again",
    "rule.network-unknown": "No network is registered to refine with; ask for the refiner `blend`",
    "rule.network-withheld": (
        "Photos that the network was trained on do not clear for this use; ask for the refiner `blend`"
    ),
    "rule.gate-exceeded": "The network changed more of the picture than it said",
    "rule.redeclared": (
        "The same layout was refused under another declaration of purpose, audience or subjects; compliance "
        "has to look at this request first"
    ),
    "rule.tombstone-likeness": "The picture looked like a photo that was erased and may not come back",
    "rule.uncovered": "The segments that were found could not cover these regions of the layout",
}

JA = {
    "rule.alteration-not-granted": "行われる改変のすべてをライセンスが認めていない",
    "rule.composing-not-granted": "写真の一部を切り抜いて他の写真と合成することをライセンスが認めていない",
    "rule.generative-not-granted": "生成画像への使用を認める記載がライセンスにない",
    "rule.adapting-not-granted": "写真の構図を別の画像に用いることをライセンスが認めていない",
    "rule.merging-forbidden-by-photo": "写真のファイル自体が他の画像との合成を禁じている",
    "rule.cropping-forbidden-by-photo": "写真のファイル自体がトリミングを禁じている",
    "rule.retouching-forbidden-by-photo": "写真のファイル自体がレタッチを禁じている",
    "rule.recoloring-forbidden-by-photo": "写真のファイル自体が色の変更を禁じている",
    "rule.flipping-forbidden-by-photo": "写真のファイル自体が反転を禁じている",
    "rule.constraint-unknown": "写真のファイル自体が、ポリシーに定めのない改変を禁じている",
    "rule.model-release-missing": "人物が識別され得る写真で、この用途に及ぶモデルリリースがない",
    "rule.person-not-covered": "写真の人物のうち、いずれのモデルリリースも及ばない者がいる",
    "rule.minor-depicted": "写真に未成年者が写っている可能性があり、この用途について保護者の署名がない",
    "rule.reconfirmation-missing": "保護者が署名した本人による成年後の再確認がない",
    "rule.data-basis-missing": "写真の人物の個人データを利用する法的根拠が記録されていない",
    "rule.data-basis-over": "写真の人物の個人データを利用する法的根拠が、利用期間の終了前に切れる",
    "rule.may-view": "社内の者は、有効な許諾のある写真の小さなプレビューを閲覧できる",
    "rule.may-use": "一つの許諾が用途の全体に及ぶ場合、画像を制作し公表できる",
    "rule.may-train": "許諾が学習を認める写真でネットワークを学習させることができる",
    "rule.may-compose": "ライセンスが互いに両立する写真は、一つの画像に配置できる",
    "rule.channel-not-covered": "用途の媒体のすべてにはライセンスが及ばない",
    "rule.purpose-not-covered": "この目的をライセンスが認めていない",
    "rule.sector-not-covered": "この業種にはライセンスが及ばない",
    "rule.licensee-not-covered": "画像を使用する者にライセンスが与えられていない",
    "rule.beneficiary-not-covered": "画像の使用による受益者にライセンスが与えられていない",
    "rule.audience-not-covered": "この閲覧者にはライセンスが及ばない",
    "rule.view-is-internal": "プレビューを閲覧できるのは社内の者に限られる",
    "rule.copies-above-limit": "印刷部数がライセンスの上限を超えている",
    "rule.copies-undeclared": "ライセンスに部数の上限があるのに、印刷部数が申告されていない",
    "rule.subject-excluded": "用途の主題をライセンスが除外している",
    "rule.field-held-by-another": "この分野は他者が独占している",
    "rule.synthetic-depiction-not-released": "リリースの対象を合成画像に用いることをリリースが認めていない",
    "rule.release-channel": "用途の媒体のすべてにはリリースが及ばない",
    "rule.release-purpose": "この目的にはリリースが及ばない",
    "rule.release-sector": "この業種にはリリースが及ばない",
    "rule.release-excludes-subject": "用途の配慮を要する主題をリリースが除外している",
    "rule.release-territory": "画像が閲覧される地域のすべてにはリリースが及ばない",
    "rule.release-not-begun": "用途の開始時にリリースがまだ有効でない",
    "rule.release-over": "用途の終了前にリリースが失効する",
    "rule.property-release-missing": "商業利用にリリースを要する物が写真に写っている可能性がある",
    "rule.depicted-right-unknown": "写真に保護の対象が写っており、リリースも法令上の例外もない",
    "rule.depicted-exception-elsewhere": (
        "写真に保護の対象が写っており、法令上の例外が用途の地域のすべてには及ばない"
    ),
    "rule.set-empty": "画像が依拠する許諾が一つもない",
    "rule.meet-empty": "これらの写真のライセンスが共通して認める用途がない",
    "rule.share-alike-clash": "二つのシェアアライクのライセンスが、それぞれ画像全体を対象としている",
    "rule.share-alike-beside-noncommercial": (
        "シェアアライクのライセンスにより、非商用ライセンスが禁じる用途に画像が開放されてしまう"
    ),
    "rule.share-alike-beside-rights-managed": (
        "シェアアライクのライセンスにより、当社だけに許諾されたものが誰にでも開放されてしまう"
    ),
    "rule.credit-not-carried": "用途の媒体では表示できないクレジットの表示義務がある",
    "rule.person-beside-sensitive-subject": "リリースが認めていない配慮を要する主題の隣に人物が置かれる",
    "rule.competing-brands": "競合するブランドが一つの画像に並ぶ",
    "rule.product-of-another": "商品と申告された領域に、その商品と記録されていないものが写る",
    "rule.product-made-up": "商品の一部が、ネットワークにより、またはその商品の写真によらずに作られる",
    "rule.generated-area-above-limit": "ネットワークによる生成部分が、商品の広告に認められる範囲を超えている",
    "rule.title-unshown-for-large-run": "ライセンサーの権利取得を示す書類がなく、印刷部数が非常に多い",
    "rule.person-beside-released-subject": (
        "人物が配慮を要する主題の隣に置かれるため、社内の者による事前の確認を要する"
    ),
    "rule.license-withdrawn": "この写真のライセンスが撤回されている",
    "rule.license-superseded": "このライセンスは新しい条件に差し替えられている",
    "rule.grant-denied": "当社がこの許諾の利用を停止している",
    "rule.cap-reached": "この許諾が認める点数の画像がすでに制作されている",
    "rule.photo-disputed": "この写真の権利が係争中である",
    "rule.photo-embargoed": "この写真は公開禁止期間中である",
    "rule.embargo-outlasts-start": "この写真は公開禁止期間が終わるまで公表できない",
    "rule.photo-erased": "この写真は消去されている",
    "rule.photo-withdrawn": "この写真、または写っているもののリリースが撤回されている",
    "rule.photo-held": "当社がこの写真の利用を停止している",
    "rule.block-unknown": "この写真は、ポリシーに定めのない理由で停止されている",
    "rule.co-owner-missing": "この写真の共有者全員の同意がない",
    "rule.basis-unknown": "当社がこの写真を利用できる根拠が分からない",
    "rule.statute-gives-no-picture": "ライセンスに代わる法令の規定が、写真の画像への配置を認めていない",
    "rule.title-incomplete": "ライセンサーの権利取得が書類で示されていない",
    "rule.integrity-reserved": "著作者が改変に異議を述べる権利を留保している",
    "rule.term-not-begun": "ライセンスの期間がまだ始まっていない",
    "rule.term-over": "ライセンスの期間が終了している",
    "rule.period-outside-term": "用途の期間の全体にはライセンスが及ばない",
    "rule.period-over": "用途の期間がすでに終了している",
    "rule.create-by-passed": "ライセンスによる新しい画像の制作期限を過ぎている",
    "rule.publish-by-passed": "ライセンスによる利用の開始期限を過ぎている",
    "rule.availability-over": "この写真を新たに選択できる期限を過ぎている",
    "rule.nothing-new-to-make": "在庫の販売やアーカイブの保持のために新しい画像は制作されない",
    "rule.stock-is-printed": "在庫として販売できるのは印刷されたものに限られる",
    "rule.sell-off-not-granted": "期間終了後の在庫販売をライセンスが認めていない",
    "rule.sell-off-over": "在庫販売の期限を過ぎている",
    "rule.archive-not-granted": "期間終了後に公表物をアーカイブに残すことをライセンスが認めていない",
    "rule.ruling-over": "写真の利用を認める裁定の期間が終了している",
    "rule.period-outside-ruling": "写真の利用を認める裁定が、用途の終了前に終わる",
    "rule.embedded-rights-over": "写真のファイル自体に記載された権利の期間が終了している",
    "rule.period-outside-embedded-rights": "写真のファイル自体に記載された権利が、用途の終了前に終わる",
    "rule.ruling-elsewhere": "写真の利用を認める裁定が、画像が閲覧される地域のすべてには及ばない",
    "rule.territory-not-covered": "用途の地域のすべてにはライセンスが及ばない",
    "rule.training-not-granted": "写真による学習を認める記載がライセンスにない",
    "rule.training-forbidden-by-photo": "写真のファイル自体がデータマイニングまたは学習を禁じている",
    "rule.error-in-evaluation": "事実が欠けているか読み取れないため、ポリシーを適用できなかった",
    "rule.default-deny": "これを認めるポリシーがない",
    "rule.no-grant": "当社にこの写真の許諾がない",
    "rule.layout-withheld": "レイアウトの元となった写真が、この用途に認められていない",
    "rule.signoff-declined": "承認判断を求められた者が否認した",
    "rule.signoff-lapsed": "期限内に承認判断が行われなかった",
    "rule.result-forged": "制作結果を再計算したところ一致しなかった",
    "rule.network-unknown": "リファインに用いるネットワークが登録されていない",
    "rule.network-withheld": "ネットワークの学習写真が、この用途に認められていない",
    "rule.gate-exceeded": "ネットワークが申告を超えて画像を変更した",
    "rule.redeclared": (
        "同じレイアウトが、目的・閲覧者・主題の別の申告で却下されており、コンプライアンス部門の確認を要する"
    ),
    "rule.tombstone-likeness": "再び受け入れてはならない消去済みの写真に似ている",
    "rule.uncovered": "見つかったセグメントではレイアウトの領域を覆えなかった",
}
