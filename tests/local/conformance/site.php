<?php

/**
 * The small auth site on the PHP recipe, with the driver that the conformance check needs:
 *
 *     RECIPE=rolecall.php STATE=state.json php -S 127.0.0.1:8000 site.php
 *
 * Composer's packages are not at hand in a test: two classes stand in for them, with the calls that the recipe makes.
 * JWT::encode is RFC 7515 with HS256; SqsClient speaks SQS's JSON protocol to an SQS that asks for no signature.
 */

namespace Firebase\JWT {
    final class JWT
    {
        public static function encode(array $payload, string $key, string $alg): string
        {
            $part = fn (string $text): string => rtrim(strtr(base64_encode($text), '+/', '-_'), '=');
            $json = fn (array $said): string => json_encode($said, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES);
            $signed = $part($json(['typ' => 'JWT', 'alg' => $alg])) . '.' . $part($json($payload));
            return $signed . '.' . $part(hash_hmac('sha256', $signed, $key, true));
        }
    }
}

namespace Aws\Sqs {
    final class SqsClient
    {
        public function __construct(private string $endpoint)
        {
        }

        public function __call(string $operation, array $arguments): array
        {
            $context = stream_context_create(['http' => [
                'method' => 'POST',
                'header' => [
                    'Content-Type: application/x-amz-json-1.0',
                    'X-Amz-Target: AmazonSQS.' . ucfirst($operation),
                    'Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, '
                        . 'SignedHeaders=host, Signature=none',
                ],
                'content' => json_encode($arguments[0], JSON_THROW_ON_ERROR),
                'timeout' => 30,
            ]]);
            $body = file_get_contents($this->endpoint, false, $context);
            if ($body === false) {
                throw new \RuntimeException("SQS refused $operation");
            }
            return json_decode($body, true) ?? [];
        }
    }
}

namespace {
    require getenv('RECIPE');

    /** The users, in a file: PHP forgets everything between two requests. */
    final class Users
    {
        private array $rows;

        public function __construct(private string $file)
        {
            $this->rows = is_file($file) ? json_decode(file_get_contents($file), true) : [];
        }

        public function find(string $id): ?User
        {
            return isset($this->rows[$id]) ? new User($this, $this->rows[$id]) : null;
        }

        public function store(array $row): void
        {
            $this->rows[$row['id']] = $row;
            file_put_contents($this->file, json_encode($this->rows, JSON_THROW_ON_ERROR));
        }
    }

    final class User
    {
        public string $id;
        public array $groups = [];
        public ?string $character = null;
        public int $stamp = 0;
        public string $discord_id = '';
        public string $discord_name = '';

        public function __construct(private Users $users, array $row)
        {
            foreach ($row as $name => $value) {
                $this->$name = $value;
            }
        }

        public function save(): void
        {
            $row = get_object_vars($this);
            unset($row['users']);
            $this->users->store($row);
        }
    }

    $users = new Users(getenv('STATE'));
    $rolecall = new Rolecall(
        getenv('ROLECALL_URL'),
        getenv('AUTH_SITE_SECRET'),
        new Aws\Sqs\SqsClient(getenv('AWS_ENDPOINT_URL')),
        getenv('JOBS_QUEUE_URL'),
        getenv('NOTICES_QUEUE_URL'),
    );
    $asked = json_decode(file_get_contents('php://input'), true);
    $user = $users->find((string) ($asked['user_id'] ?? $asked['name'] ?? ''));
    $answer = [];
    switch ($asked['do']) {
        case 'user':
            $user ??= new User($users, ['id' => $asked['name']]);
            $user->groups = $asked['groups'];
            $user->character = $asked['nickname'];
            $rolecall->changed($user);
            $answer = ['user_id' => $user->id];
            break;
        case 'link':
            $answer = ['url' => $rolecall->linkUrl($user)];
            break;
        case 'unlink':
            $answer = ['url' => $rolecall->unlinkUrl($user)];
            break;
        case 'remove':
            $rolecall->removed($user);
            break;
        case 'linked':
            $answer = ['discord_id' => $user->discord_id ?: null];
            break;
        case 'work':
            $rolecall->readNotices(fn (string $id): ?User => $users->find($id), 0);
            break;
    }
    header('Content-Type: application/json');
    echo json_encode((object) $answer);
}
