"""Crawl: from files to tables that every engine reads; incremental, and nothing is lost on the way."""
