-- How long a link's token can be issued, again and again, while the mail is refused.
ALTER TABLE "auth"."links" ADD COLUMN "issuable_until" TIMESTAMPTZ(3) NOT NULL DEFAULT now() + interval '1 day';
