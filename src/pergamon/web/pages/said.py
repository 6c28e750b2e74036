"""What a page says once about what was just done: by name, in a cookie, so that no address can make a page say it."""

from pergamon.web.pages.language import marked

SAID = {
    "signed-out": marked("You have signed out."),
    "signed-out-everywhere": marked("You have signed out, here and everywhere else."),
    "preferences-kept": marked("Your choice is kept on this device."),
}
"""A file of pages adds its own below."""

SAID |= {
    "request-sent": marked("Your request has been sent. You will see here what becomes of it."),
    "request-granted": marked("Granted at once: the table is in your project's database now."),
    "request-amended": marked("Your request has been changed, and waits for a decision anew."),
    "request-withdrawn": marked("The request has been withdrawn."),
    "request-approved": marked("Approved."),
    "request-rejected": marked("Rejected. Whoever asked sees why."),
    "changes-asked": marked("Sent back. Whoever asked sees what to change."),
    "comment-made": marked("Your comment is there."),
    "grant-revoked": marked("Taken back: the grant gives nothing from now on."),
    "query-saved": marked("The query is saved."),
    "query-removed": marked("The saved query is removed."),
    "run-requested": marked("The run has been asked for. It begins as soon as a worker is free."),
    "file-replayed": marked("The file will be tried again."),
    "files-replayed": marked("The files will be tried again."),
    "file-skipped": marked("The file is left out; what it held is lost, and the trail says who decided so."),
    "crawl-requested": marked("Everything below its folders is being looked through."),
    "product-made": marked("The product is there. Say what it is, choose what it bundles, then publish it."),
    "source-run": marked("Every table of the data source has been looked at. What was found stands beside it."),
    "member-added": marked("They are a member now."),
    "member-changed": marked("Their role is changed, from now on."),
    "member-removed": marked("They are no member in this role any more."),
    "file-came": marked("The file has come, whole. It is being looked into."),
    "file-removed": marked("The file is taken back; its rows leave their table."),
    "asset-saved": marked("Kept, as a new version. Others see it when you publish it."),
    "asset-published": marked("Published: others find it now, as it stands here."),
    "asset-unpublished": marked("Taken back: only your project finds it now."),
    "query-cancelled": marked("The query is being cancelled."),
}
